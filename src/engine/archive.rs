//! A collection as one file, written and read piece by piece. `FORMAT.md` has the bytes; the manifest comes first, so
//! that a reader knows of every blob how long it is before it keeps a byte of it.

use super::services::{Phase, Progress, Services};
use super::verify::frame_is_whole;
use super::Engine;
use crate::codec::{crc32_after, Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::store::{Blob, Commit, Manifest, Named, Store};
use std::collections::BTreeMap;

const MAGIC: &[u8; 4] = b"NFAR";
const VERSION: u16 = 1;
const MANIFEST: &str = "manifest";
const BLOB: u8 = 1;
const END: u8 = 0;

/// Bytes of blobs that are gathered before they are put into the store.
const BATCH: usize = 8 << 20;

impl Engine {
    /// Gives the collection's current generation to `emit`, piece by piece. Every piece was verified before.
    pub async fn export(&self, services: &Services<'_>, emit: &mut dyn FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        if manifest.generation == 0 {
            return Err(Error::invalid("there is nothing to export: nothing was ever added"));
        }
        (manifest.retired, manifest.pending) = (Vec::new(), None);
        let blobs: Vec<(String, Blob)> = manifest.blobs().collect();
        let total = blobs.len();
        let mut sum = 0;
        let mut write = |bytes: Vec<u8>| {
            sum = crc32_after(sum, &bytes);
            emit(bytes)
        };
        let mut start = Writer::new();
        start.raw(MAGIC);
        start.u16(VERSION);
        write(start.into_bytes())?;
        write_blob(MANIFEST, manifest.encode()?, &mut write)?;
        for (done, (name, blob)) in blobs.iter().enumerate() {
            let bytes = self.blob(name, blob).await?;
            frame_is_whole(&bytes).map_err(|error| error.within(format!("blob {name}")))?;
            write_blob(name, bytes, &mut write)?;
            (services.progress)(Progress { phase: Phase::Copy, done: done + 1, total, committed: 0 });
            services.pacer.pause().await?;
        }
        let mut end = Writer::new();
        end.u8(END);
        end.u32(total as u32 + 1);
        write(end.into_bytes())?;
        emit(sum.to_le_bytes().to_vec())
    }
}

fn write_blob(name: &str, bytes: Vec<u8>, write: &mut dyn FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
    let mut head = Writer::new();
    head.u8(BLOB);
    head.text(name);
    head.u64(bytes.len() as u64);
    write(head.into_bytes())?;
    write(bytes)
}

/// What the next bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    Start,
    Head,
    Blob { name: String, length: usize },
    Sum,
    Nothing,
}

/// Takes an archive in pieces, cut anywhere, into an empty collection. Until the last byte was checked the collection
/// stays empty: blobs are staged for the one commit at the end, and cleared up by the next writer if it never comes.
pub struct Importer {
    store: Box<dyn Store>,
    /// Bytes that were not understood yet: at most the blob that is coming.
    buffer: Vec<u8>,
    next: Next,
    /// CRC of all bytes that were understood.
    sum: u32,
    blobs: u32,
    manifest: Option<Manifest>,
    /// The blobs that are still to come.
    missing: BTreeMap<String, Blob>,
    batch: Vec<Named>,
    staged: Vec<(String, u64)>,
    /// Generation and fingerprint of the empty collection that is there.
    current: (u64, Option<u32>),
}

impl Importer {
    /// # Errors
    /// `InvalidInput` if the store already has a collection with documents in it.
    pub async fn new(store: Box<dyn Store>) -> Result<Importer> {
        let current = match store.manifest().await? {
            Some(bytes) => Some(Manifest::decode(&bytes)?),
            None => None,
        };
        if current.as_ref().is_some_and(|manifest| !manifest.segments.is_empty()) {
            return Err(Error::invalid(
                "there are documents in this collection; destroy it first, or use another name",
            ));
        }
        Ok(Importer {
            store,
            buffer: Vec::new(),
            next: Next::Start,
            sum: 0,
            blobs: 0,
            manifest: None,
            missing: BTreeMap::new(),
            batch: Vec::new(),
            staged: Vec::new(),
            current: current.map_or((0, None), |manifest| (manifest.generation, manifest.origin.0)),
        })
    }

    /// # Errors
    /// `Corrupt` for anything that no export has written, `FormatTooNew` for a newer archive or collection, and those
    /// of the store.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        while self.step().map_err(|error| error.within("archive"))? {
            if self.batch.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() >= BATCH {
                self.stage().await?;
            }
        }
        Ok(())
    }

    /// Makes the collection visible. Returns the number of its documents.
    ///
    /// # Errors
    /// `Corrupt` when the archive was cut short.
    pub async fn finish(&mut self) -> Result<usize> {
        let manifest = self.manifest.take().filter(|_| self.next == Next::Nothing && self.buffer.is_empty());
        let Some(mut manifest) = manifest else {
            return Err(Error::corrupt("the archive was cut short"));
        };
        let (expected, upon) = self.current;
        manifest.generation = expected + 1;
        let documents = manifest.segments.iter().map(|entry| entry.live_docs() as usize).sum();
        self.stage().await?;
        let generation = manifest.generation;
        let (put, staged) = (Vec::new(), std::mem::take(&mut self.staged));
        let manifest = manifest.encode()?;
        self.store.commit(Commit { expected, upon, generation, manifest, put, staged }).await?;
        self.store.close();
        Ok(documents)
    }

    /// Understands one more piece of the buffer; false if it is not all there.
    fn step(&mut self) -> Result<bool> {
        let mut reader = Reader::new(&self.buffer);
        let next = match &self.next {
            Next::Start if reader.remaining() < 6 => return Ok(false),
            Next::Start => {
                if reader.raw(4)? != MAGIC {
                    return Err(Error::corrupt("this is no exported collection"));
                }
                match reader.u16()? {
                    VERSION => Next::Head,
                    version if version > VERSION => {
                        let message = format!("version {version} of the archive; this reader knows {VERSION}");
                        return Err(Error::new(ErrorKind::FormatTooNew, message));
                    }
                    version => return Err(Error::new(ErrorKind::FormatTooOld, format!("version {version}"))),
                }
            }
            // The longest head there can be.
            Next::Head if reader.remaining() < 5 => return Ok(false),
            Next::Head => match reader.u8()? {
                END => {
                    let blobs = reader.u32()?;
                    if blobs != self.blobs || !self.missing.is_empty() {
                        return Err(Error::corrupt(format!(
                            "{} blobs of {blobs}, {} missing",
                            self.blobs,
                            self.missing.len()
                        )));
                    }
                    Next::Sum
                }
                BLOB => {
                    let Some(found) = read_head(&mut reader)? else { return Ok(false) };
                    self.expect(found)?
                }
                other => return Err(Error::corrupt(format!("an entry of kind {other}"))),
            },
            Next::Blob { length, .. } if reader.remaining() < *length => return Ok(false),
            Next::Blob { name, length } => {
                let (name, bytes) = (name.clone(), reader.raw(*length)?.to_vec());
                self.blobs += 1;
                match self.manifest {
                    None => {
                        let manifest = exported(&bytes)?;
                        self.missing = manifest.blobs().collect();
                        self.manifest = Some(manifest);
                    }
                    Some(_) => {
                        let blob = self.missing.remove(&name);
                        let blob = blob.ok_or_else(|| Error::corrupt(format!("blob {name} comes twice")))?;
                        let good = blob.check(&bytes).and_then(|()| frame_is_whole(&bytes));
                        good.map_err(|error| error.within(format!("blob {name}")))?;
                        self.batch.push((name, bytes));
                    }
                }
                Next::Head
            }
            Next::Sum if reader.remaining() < 4 => return Ok(false),
            Next::Sum => match reader.u32()? == self.sum {
                true => Next::Nothing,
                false => return Err(Error::corrupt("the checksum at its end")),
            },
            Next::Nothing if reader.is_empty() => return Ok(false),
            Next::Nothing => return Err(Error::corrupt("bytes after its end")),
        };
        let used = self.buffer.len() - reader.remaining();
        if self.next != Next::Sum {
            self.sum = crc32_after(self.sum, &self.buffer[..used]);
        }
        self.buffer.drain(..used);
        self.next = next;
        Ok(true)
    }

    /// Whether a blob of this name and length is to come.
    fn expect(&self, (name, length): (String, u64)) -> Result<Next> {
        let fits = match (&self.manifest, self.missing.get(&name)) {
            (None, _) => name == MANIFEST && length <= limits::MANIFEST_BYTES,
            (Some(_), Some(blob)) => blob.bytes == length,
            (Some(_), None) => false,
        };
        let length = usize::try_from(length).ok().filter(|_| fits);
        let length = length.ok_or_else(|| Error::corrupt(format!("blob {name:?}, which does not belong here")))?;
        Ok(Next::Blob { name, length })
    }

    async fn stage(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.staged.extend(batch.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)));
        self.store.stage(batch).await
    }
}

fn exported(bytes: &[u8]) -> Result<Manifest> {
    let manifest = Manifest::decode(bytes)?;
    match manifest.retired.is_empty() && manifest.pending.is_none() {
        true => Ok(manifest),
        false => Err(Error::corrupt("a manifest that no export writes")),
    }
}

/// Name and length of a blob, if all of both is there.
fn read_head(reader: &mut Reader<'_>) -> Result<Option<(String, u64)>> {
    let mut ahead = reader.clone();
    let length = ahead.varint()? as usize;
    if length > limits::BLOB_NAME_BYTES {
        return Err(Error::corrupt(format!("a blob name of {length} bytes")));
    }
    if ahead.remaining() < length + 8 {
        return Ok(None);
    }
    Ok(Some((reader.text()?.to_owned(), reader.u64()?)))
}
