//! The one error type. `kind` is the stable code that JavaScript sees; `context` says what was being done,
//! with the names and numbers a user needs to act.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can tell apart. The names are part of the public interface and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A document, collection, model or file that does not exist.
    NotFound,
    /// Stored bytes that fail a checksum or contradict themselves.
    Corrupt,
    /// Written by a version that this one can no longer read.
    FormatTooOld,
    /// Written by a newer version than this one.
    FormatTooNew,
    /// The browser's storage quota, or the disk, is full. The previous generation still answers.
    QuotaExceeded,
    /// Another tab or process is the writer.
    Locked,
    /// The database connection was lost and could not be opened again.
    ConnectionLost,
    /// The caller's signal was raised.
    Aborted,
    /// Input above a cap of `limits.rs`.
    LimitExceeded,
    /// Vectors of one model would have met vectors of another.
    ModelMismatch,
    /// An argument that can never work.
    InvalidInput,
    /// Understood, but not offered here.
    Unsupported,
    /// A request failed, or a server did not answer with what was asked for.
    Network,
    /// Bytes that do not match their expected digest or length.
    Integrity,
    /// A bug in this program.
    Internal,
}

impl ErrorKind {
    pub const ALL: [ErrorKind; 15] = [
        ErrorKind::NotFound,
        ErrorKind::Corrupt,
        ErrorKind::FormatTooOld,
        ErrorKind::FormatTooNew,
        ErrorKind::QuotaExceeded,
        ErrorKind::Locked,
        ErrorKind::ConnectionLost,
        ErrorKind::Aborted,
        ErrorKind::LimitExceeded,
        ErrorKind::ModelMismatch,
        ErrorKind::InvalidInput,
        ErrorKind::Unsupported,
        ErrorKind::Network,
        ErrorKind::Integrity,
        ErrorKind::Internal,
    ];

    /// The stable code, as in `NearfieldError.code`.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "NotFound",
            ErrorKind::Corrupt => "Corrupt",
            ErrorKind::FormatTooOld => "FormatTooOld",
            ErrorKind::FormatTooNew => "FormatTooNew",
            ErrorKind::QuotaExceeded => "QuotaExceeded",
            ErrorKind::Locked => "Locked",
            ErrorKind::ConnectionLost => "ConnectionLost",
            ErrorKind::Aborted => "Aborted",
            ErrorKind::LimitExceeded => "LimitExceeded",
            ErrorKind::ModelMismatch => "ModelMismatch",
            ErrorKind::InvalidInput => "InvalidInput",
            ErrorKind::Unsupported => "Unsupported",
            ErrorKind::Network => "Network",
            ErrorKind::Integrity => "Integrity",
            ErrorKind::Internal => "Internal",
        }
    }

    /// The kind that a code names, for errors that come back from JavaScript.
    pub fn from_code(code: &str) -> Option<ErrorKind> {
        ErrorKind::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub context: String,
    source: Option<Source>,
}

impl Error {
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Error {
        Error { kind, context: context.into(), source: None }
    }

    pub fn with_source(mut self, source: impl Into<Source>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done in front: `"segment 3: " + context`.
    pub fn within(mut self, doing: impl fmt::Display) -> Error {
        self.context = format!("{doing}: {}", self.context);
        self
    }

    pub fn invalid(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidInput, context)
    }

    pub fn corrupt(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::Corrupt, context)
    }

    pub fn limit(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::LimitExceeded, context)
    }

    pub fn unsupported(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unsupported, context)
    }

    pub fn not_found(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::NotFound, context)
    }

    pub fn integrity(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::Integrity, context)
    }

    pub fn internal(context: impl Into<String>) -> Error {
        Error::new(ErrorKind::Internal, context)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.context)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|s| &**s as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_come_back() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(ErrorKind::from_code("Nonsense"), None);
    }

    #[test]
    fn the_message_names_code_context_and_source() {
        let error = Error::corrupt("section TERM").with_source("crc").within("segment 3");
        assert_eq!(error.to_string(), "Corrupt: segment 3: section TERM (crc)");
    }
}
