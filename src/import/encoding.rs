//! From the bytes of a file to UTF-8: gzip, byte order marks, and what XML declares.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;

use super::ImportError;
use super::refusal;

/// Bytes that are looked at to find the encoding.
const LOOK: u64 = 1024;

/// The input as it was before gzip, if that has compressed it.
///
/// # Errors
/// When it cannot be read, or is packed in another way: then the error says how to unpack it.
pub(super) fn unpacked<'a>(input: Box<dyn BufRead + 'a>) -> Result<Box<dyn BufRead + 'a>, ImportError> {
    let (start, whole) = peek(input, 8)?;
    if start.starts_with(b"\x1f\x8b") {
        return Ok(Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(whole))));
    }
    match refusal::packed(&start) {
        Some(error) => Err(error),
        None => Ok(whole),
    }
}

/// The input as UTF-8, without a byte order mark.
///
/// # Errors
/// When it cannot be read.
pub(super) fn decoded<'a>(input: Box<dyn BufRead + 'a>) -> Result<Box<dyn BufRead + 'a>, ImportError> {
    let (start, mut whole) = peek(input, LOOK)?;
    if start.starts_with(b"\xef\xbb\xbf") {
        io::copy(&mut whole.by_ref().take(3), &mut io::sink()).map_err(ImportError::Read)?;
        return Ok(whole);
    }
    match encoding(&start) {
        None => Ok(whole),
        Some(encoding) => {
            let decoder = DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(whole);
            Ok(Box::new(BufReader::with_capacity(1 << 16, decoder)))
        }
    }
}

/// The encoding, when it is not UTF-8.
fn encoding(start: &[u8]) -> Option<&'static Encoding> {
    if start.starts_with(b"\xff\xfe") {
        return Some(UTF_16LE);
    }
    if start.starts_with(b"\xfe\xff") {
        return Some(UTF_16BE);
    }
    // Without a mark: every other byte of an ASCII text is zero.
    match start {
        [a, 0, b, 0, c, 0, ..] if [a, b, c].iter().all(|byte| **byte != 0) => return Some(UTF_16LE),
        [0, a, 0, b, 0, c, ..] if [a, b, c].iter().all(|byte| **byte != 0) => return Some(UTF_16BE),
        _ => {}
    }
    // Every declared encoding of an 8-bit document writes its declaration in ASCII.
    let declaration = start.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = declaration.windows(2).position(|w| w == b"?>")?;
    let text = std::str::from_utf8(&declaration[..end]).ok()?;
    let value = text.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    Encoding::for_label(label.as_bytes()).filter(|e| *e != UTF_8 && *e != UTF_16LE && *e != UTF_16BE)
}

/// A line that is not UTF-8, as Windows has written it.
pub(super) fn latin(line: &[u8]) -> String {
    WINDOWS_1252.decode_without_bom_handling(line).0.into_owned()
}

type Peeked<'a> = (Vec<u8>, Box<dyn BufRead + 'a>);

/// The first bytes, and the input that still has them.
fn peek<'a>(mut input: Box<dyn BufRead + 'a>, bytes: u64) -> Result<Peeked<'a>, ImportError> {
    let mut start = Vec::new();
    input.by_ref().take(bytes).read_to_end(&mut start).map_err(ImportError::Read)?;
    let whole = io::Cursor::new(start.clone()).chain(input);
    Ok((start, Box::new(whole)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{options, run};
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn what_powershell_writes_is_read() {
        let text = "src/a.ts(1,2): error TS2304: Cannot find name 'größe'.\r\nsrc/b.ts(3,4): error TS2304: Cannot find name 'y'.\r\n";
        let expected = run(text, &options()).0;
        assert_eq!(expected.len(), 2);
        for (mark, big) in [("\u{feff}", false), ("\u{feff}", true), ("", false), ("", true)] {
            let bytes = utf16(&format!("{mark}{text}"), big);
            assert_eq!(run(bytes, &options()).0, expected, "{mark:?} {big}");
        }
    }

    #[test]
    fn xml_is_in_the_encoding_that_it_declares() {
        let text = |encoding: &str| {
            format!(
                "<?xml version='1.0' encoding='{encoding}'?><checkstyle><file name='a.c'><error message='Größe'/></file></checkstyle>"
            )
        };
        for label in ["ISO-8859-1", "windows-1252", "UTF-8"] {
            let encoding = Encoding::for_label(label.as_bytes()).expect("known");
            let bytes = encoding.encode(&text(label)).0.into_owned();
            assert_eq!(run(bytes, &options()).0[0].item.title, "Größe", "{label}");
        }
        assert_eq!(
            run(utf16(&format!("\u{feff}{}", text("UTF-16")), false), &options()).0[0].item.title,
            "Größe"
        );
    }
}
