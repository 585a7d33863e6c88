//! Writing, reading back, and what is needed.

use super::super::Change;
use super::support::{busy, floor, idle, open, put, write};
use crate::disk::simulated::SimulatedDisk;

#[test]
fn what_was_written_is_there_after_a_power_cut() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, recovered) = open(&disk);
    assert_eq!((recovered.next_number, recovered.floor), (0, floor(0)));
    write(
        &mut progress,
        None,
        vec![put(idle(0, 0)), put(idle(1, 10)), put(busy(2, 90, &[4]))],
    );
    write(
        &mut progress,
        Some(floor(50)),
        vec![put(busy(3, 20, &[])), Change::Delete(2)],
    );
    disk.crash();

    let (progress, recovered) = open(&disk);
    let expected = [idle(0, 50), idle(1, 50), busy(3, 20, &[])];
    assert_eq!(recovered.standings, expected);
    assert_eq!((recovered.next_number, recovered.floor), (4, floor(50)));
    assert!(!recovered.recovery.was_closed);
    assert_eq!(recovered.recovery.damage, []);
    assert_eq!(progress.standing(3), Some(&busy(3, 20, &[])));
    assert_eq!(progress.standing(2), None);
}
