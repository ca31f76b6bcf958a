//! Values that have to wait until more of the input is known, in memory up to a limit and then in a temporary
//! file.

use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::SpooledTempFile;

/// Bytes that stay in memory. Few in tests, so that these use the file too.
const MEMORY_MAX: usize = if cfg!(test) { 512 } else { 16 * 1024 * 1024 };

/// Takes values and gives them back in the same order.
pub(super) struct Shelf<T> {
    file: Option<BufWriter<SpooledTempFile>>,
    values: PhantomData<T>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Shelf { file: None, values: PhantomData }
    }
}

impl<T: Serialize + DeserializeOwned> Shelf<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.file.is_none()
    }

    /// Adds a value.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub(super) fn push(&mut self, value: &T) -> io::Result<()> {
        let file = self.file.get_or_insert_with(|| BufWriter::new(SpooledTempFile::new(MEMORY_MAX)));
        serde_json::to_writer(&mut *file, value)?;
        file.write_all(b"\n")
    }

    /// Gives all values to `take`; the shelf is empty then.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub(super) fn take(&mut self, mut take: impl FnMut(T)) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            take(serde_json::from_slice(&line)?);
            line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Shelf;

    #[test]
    fn values_come_back_in_their_order_from_memory_and_file() {
        for count in [0, 3, 1000] {
            let mut shelf: Shelf<(usize, String)> = Shelf::default();
            (0..count).for_each(|n| shelf.push(&(n, format!("value {n}\n"))).expect("kept"));
            assert_eq!(shelf.is_empty(), count == 0);
            let mut back = Vec::new();
            shelf.take(|value| back.push(value)).expect("read");
            assert_eq!(back.len(), count);
            assert!(back.iter().enumerate().all(|(n, value)| *value == (n, format!("value {n}\n"))));
        }
    }
}
