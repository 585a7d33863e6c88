//! Reading what a device can still read of a file: block by block, past those that are bad.

use std::io;
use std::ops::Range;

use super::super::files::{OpenFile, is_broken, read_full_at};

/// What a device reads at a time: as much as is lost with one bad sector.
pub(super) const BLOCK_BYTES: u64 = 4_096;

/// Where the blocks are that could not be read, in order and apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unreadable(Vec<Range<u64>>);

impl Unreadable {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From the first byte at or behind `from` that could not be read to the last.
    pub(super) fn behind(&self, from: u64) -> Option<Range<u64>> {
        let last = self.0.last().filter(|it| it.end > from)?;
        let first = self.0.iter().find(|it| it.end > from)?;
        Some(first.start.max(from)..last.end)
    }

    /// What of these bytes is not among them.
    pub(super) fn others(&self, bytes: Range<u64>) -> Vec<Range<u64>> {
        let mut from = bytes.start;
        let mut others = Vec::new();
        for bad in &self.0 {
            others.push(from..bad.start.clamp(from, bytes.end));
            from = bad.end.clamp(from, bytes.end);
        }
        others.push(from..bytes.end);
        others.retain(|it| !it.is_empty());
        others
    }

    /// Whether none of them can be read now either.
    ///
    /// # Errors
    ///
    /// The system's, but for a device that says of a block that it is broken.
    pub(super) fn is_so_still(&self, file: &dyn OpenFile) -> io::Result<bool> {
        let mut block = Vec::new();
        for bad in &self.0 {
            let mut at = bad.start;
            while at < bad.end {
                let end = bad.end.min((at / BLOCK_BYTES + 1) * BLOCK_BYTES);
                block.resize(usize::try_from(end - at).unwrap_or_default(), 0);
                match read_full_at(file, &mut block, at) {
                    Err(error) if is_broken(&error) => at = end,
                    Err(error) => return Err(error),
                    Ok(_) => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    fn add(&mut self, bytes: Range<u64>) {
        match self.0.last_mut() {
            Some(last) if bytes.start <= last.end => last.end = last.end.max(bytes.end),
            _ => self.0.push(bytes),
        }
    }
}

/// Reads until `buffer` is full or the file ends, and says how much it was. A block that cannot be read
/// reads as zeros, in which no record is found.
///
/// # Errors
///
/// The system's, but for a device that says of a block that it is broken.
pub(super) fn read_past_bad(
    file: &dyn OpenFile,
    buffer: &mut [u8],
    from: u64,
    unreadable: &mut Unreadable,
) -> io::Result<usize> {
    match read_full_at(file, buffer, from) {
        Err(error) if is_broken(&error) => {}
        read => return read,
    }
    let mut done = 0;
    while done < buffer.len() {
        let at = from + done as u64;
        let rest = usize::try_from((at / BLOCK_BYTES + 1) * BLOCK_BYTES - at).unwrap_or(usize::MAX);
        let end = buffer.len().min(done.saturating_add(rest));
        let block = &mut buffer[done..end];
        match read_full_at(file, block, at) {
            Err(error) if is_broken(&error) => {
                block.fill(0);
                unreadable.add(at..at + block.len() as u64);
            }
            Err(error) => return Err(error),
            Ok(read) if read < block.len() => return Ok(done + read),
            Ok(_) => {}
        }
        done = end;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::files::{Files, OpenMode};
    use crate::disk::simulated::SimulatedDisk;

    #[test]
    fn what_can_be_read_is_and_the_rest_is_zeros_of_which_the_place_is_known() {
        let disk = SimulatedDisk::new(1);
        let path = Path::new("/file");
        let file = disk.open(path, OpenMode::Create).expect("it is made");
        file.write_at(&[7; 20_000], 0).expect("there is room");
        disk.break_reads(path, 5_000..9_000);
        let mut unreadable = Unreadable::default();
        let mut buffer = vec![1; 30_000];
        let read = read_past_bad(&*file, &mut buffer, 100, &mut unreadable);
        assert_eq!(read.expect("only blocks are bad"), 19_900);
        assert!(buffer[..3_996].iter().all(|it| *it == 7));
        assert!(buffer[3_996..12_188].iter().all(|it| *it == 0));
        assert!(buffer[12_188..19_900].iter().all(|it| *it == 7));
        assert_eq!(unreadable.behind(0), Some(4_096..12_288));
        assert_eq!(unreadable.behind(5_000), Some(5_000..12_288));
        assert_eq!(unreadable.behind(12_288), None);
        let others = unreadable.others(100..20_000);
        assert_eq!(others, [100..4_096, 12_288..20_000]);
        assert_eq!(unreadable.others(5_000..6_000), []);
    }
}
