//! What a file is that should have been weights and is not: servers answer with web pages, hubs with pointers, and
//! people with other formats. Recognised by the first bytes, so that the error can say what to do.

use crate::error::{Error, ErrorKind};

/// An error for what is recognisably something else; `None` for what may be a broken safetensors file. `start` is
/// the first 8 bytes of the file, or all of a shorter one.
pub(super) fn not_safetensors(start: &[u8]) -> Option<Error> {
    let network = |what: &str| Some(Error::new(ErrorKind::Network, what));
    let unsupported = |what: &str| Some(Error::unsupported(format!("{what}; the model needs model.safetensors")));
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let is_text = !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    match text {
        [b'<', ..] if is_text => network("the server answered with an HTML page instead of weights"),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', ..] => {
            network("the server answered with a Git LFS pointer instead of weights: fetch the large file itself")
        }
        [b'{' | b'[', ..] if is_text => network("the server answered with JSON instead of weights"),
        [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, ..] => unsupported("a PyTorch pickle file"),
        [b'G', b'G', b'U', b'F', ..] => unsupported("a GGUF file"),
        [8, 3..=12, 0x12, ..] => unsupported("an ONNX file"),
        _ if is_text => {
            let text = String::from_utf8_lossy(text).into_owned();
            network(&format!("the server answered with text (\"{text}…\") instead of weights"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: &[u8], kind: ErrorKind, part: &str) {
        let error = not_safetensors(start).unwrap();
        assert_eq!(error.kind, kind);
        assert!(error.context.contains(part), "{error}");
    }

    #[test]
    fn other_files_are_recognised() {
        check(b"<!DOCTYP", ErrorKind::Network, "HTML page");
        check(b"\n <html>", ErrorKind::Network, "HTML page");
        check(b"\xef\xbb\xbf<html", ErrorKind::Network, "HTML page");
        check(b"version ", ErrorKind::Network, "Git LFS pointer");
        check(b"{\"error\"", ErrorKind::Network, "JSON");
        check(b"Not Foun", ErrorKind::Network, "\"Not Foun…\"");
        check(b"404", ErrorKind::Network, "\"404…\"");
        check(b"PK\x03\x04\x00\x00\x00\x00", ErrorKind::Unsupported, "PyTorch");
        check(b"\x80\x02}q\x00(X\x05", ErrorKind::Unsupported, "PyTorch");
        check(b"GGUF\x03\x00\x00\x00", ErrorKind::Unsupported, "GGUF");
        check(b"\x08\x08\x12\x07pytor", ErrorKind::Unsupported, "ONNX");
    }

    #[test]
    fn what_may_be_weights_is_not_accused() {
        assert!(not_safetensors(&[]).is_none());
        assert!(not_safetensors(&[b'<', 1, 0, 0]).is_none());
        assert!(not_safetensors(&[0xff; 8]).is_none());
    }
}
