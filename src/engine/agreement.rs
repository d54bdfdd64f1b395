//! Which model made a further representation of a collection (weighted terms, token vectors), and that no other one
//! meets it.

use crate::error::{Error, ErrorKind, Result};
use crate::index::BlobKind;
use crate::model::EncoderInfo;
use crate::search::snapshot::Snapshot;
use crate::store::Manifest;

/// A representation, in the words of errors.
pub(super) struct Representation {
    pub kind: BlobKind,
    /// The search that needs it.
    pub search: &'static str,
    /// What is stored of it, in the plural.
    pub stored: &'static str,
    /// What makes it.
    pub encoder: &'static str,
}

impl Representation {
    /// Enters the model of this call into the manifest.
    ///
    /// # Errors
    /// `ModelMismatch` if it is another than the stored one, or if there is a stored one and none with this call.
    pub fn agree(&self, manifest: &mut Manifest, offered: Option<&EncoderInfo>) -> Result<()> {
        match (manifest.encoders.get(&self.kind), offered) {
            (Some(stored), Some(offered)) if stored.digest == offered.digest => Ok(()),
            (Some(stored), offered) => Err(self.mismatch(stored, offered)),
            (None, None) => Ok(()),
            (None, Some(offered)) => {
                manifest.encoders.insert(self.kind, offered.clone());
                Ok(())
            }
        }
    }

    /// Whether it can be searched.
    ///
    /// # Errors
    /// `InvalidInput` where the collection has none, or was opened without its model; `ModelMismatch` for another model.
    pub fn check_search(&self, snapshot: &Snapshot, offered: Option<&EncoderInfo>) -> Result<()> {
        let Representation { search, encoder, .. } = self;
        match (snapshot.manifest.encoders.get(&self.kind), offered) {
            _ if snapshot.views.is_empty() => Ok(()),
            (Some(stored), Some(offered)) if stored.digest == offered.digest => Ok(()),
            (Some(stored), Some(offered)) => Err(self.mismatch(stored, Some(offered))),
            (None, _) => Err(Error::invalid(format!("{search}: no document was added with a {encoder}"))),
            (_, None) => Err(Error::invalid(format!("{search}: the collection was opened without its {encoder}"))),
        }
    }

    pub fn mismatch(&self, stored: &EncoderInfo, offered: Option<&EncoderInfo>) -> Error {
        let show = |info: &EncoderInfo| format!("{} ({:.12})", info.name, info.digest);
        let (stored, offered) = (show(stored), offered.map_or(format!("no {}", self.encoder), show));
        let message = format!("the collection holds {} of {stored}, this call has {offered}", self.stored);
        Error::new(ErrorKind::ModelMismatch, message)
    }
}
