//! Ids as parts of keys.

use crate::model::base::ItemId;

/// An id as a folder and an entry in it: everything but letters, digits, `_` and `-` as `%XX`.
pub(crate) fn place(id: &ItemId) -> String {
    let mut name = String::new();
    for byte in id.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    let shard = id.as_str().bytes().fold(0u8, |sum, b| sum.wrapping_mul(31).wrapping_add(b));
    format!("{shard:02x}/{name}")
}
