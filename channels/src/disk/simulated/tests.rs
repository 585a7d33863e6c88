//! The simulated disk loses what a disk may lose and keeps what it must keep.

use std::io;
use std::path::{Path, PathBuf};

use super::{Call, Effect, SimulatedDisk};
use crate::disk::files::{Files, OpenFile, OpenMode, is_no_space, read_full_at, write_all_at};

const SEEDS: u64 = 200;

fn path() -> PathBuf {
    PathBuf::from("/d/file")
}

/// A file that is there after a crash, with these synced bytes.
fn file(disk: &SimulatedDisk, bytes: &[u8]) -> Box<dyn OpenFile> {
    let file = disk.open(&path(), OpenMode::Create).expect("it opens");
    write_all_at(&*file, bytes, 0).expect("there is room");
    file.sync().expect("it is synced");
    disk.sync_dir(Path::new("/d")).expect("it is synced");
    file
}

fn after_crash(disk: &SimulatedDisk) -> Vec<u8> {
    disk.crash();
    disk.contents(&path()).expect("the file is there")
}

#[test]
fn a_crash_tears_what_was_not_synced_at_sectors_and_touches_nothing_else() {
    let (mut none, mut some, mut all) = (0, 0, 0);
    for seed in 0..SEEDS {
        let disk = SimulatedDisk::new(seed);
        let file = file(&disk, &[1; 2_000]);
        file.write_at(&[2; 1_500], 300).expect("there is room");
        let found = after_crash(&disk);
        assert_eq!(found.len(), 2_000);
        assert!(
            found[..300]
                .iter()
                .chain(&found[1_800..])
                .all(|it| *it == 1)
        );
        let sectors = [300..512, 512..1_024, 1_024..1_536, 1_536..1_800];
        let arrived = sectors.map(|sector| {
            let first = found[sector.start];
            assert!(
                found[sector].iter().all(|it| *it == first),
                "a sector is whole"
            );
            first == 2
        });
        match arrived.iter().filter(|it| **it).count() {
            0 => none += 1,
            4 => all += 1,
            _ => some += 1,
        }
    }
    assert!(none > 20 && some > 20 && all > 20, "{none} {some} {all}");
}

#[test]
fn a_failed_sync_loses_for_good_what_the_system_goes_on_showing() {
    let mut lost = 0;
    for seed in 0..SEEDS {
        let disk = SimulatedDisk::new(seed);
        let file = file(&disk, &[1; 512]);
        file.write_at(&[2; 512], 0).expect("there is room");
        disk.fail(Some(Call::Sync), 1, Effect::Broken);
        file.sync().expect_err("it fails once");
        file.sync().expect("it is said to be well");
        assert_eq!(disk.contents(&path()), Some(vec![2; 512]), "it is shown");
        lost += u32::from(after_crash(&disk) == [1; 512]);
    }
    assert!(lost > 50 && u64::from(lost) < SEEDS, "{lost}");
}

#[test]
fn names_are_lost_unless_their_directory_was_synced() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..SEEDS {
        let disk = SimulatedDisk::new(seed);
        file(&disk, b"bytes");
        disk.rename(&path(), Path::new("/d/other"))
            .expect("it is there");
        assert_eq!(disk.names(Path::new("/d")), ["other"]);
        disk.crash();
        match disk.names(Path::new("/d")).as_slice() {
            [name] if name == "file" => old += 1,
            [name] if name == "other" => new += 1,
            names => panic!("a rename is one step: {names:?}"),
        }
    }
    assert!(old > 20 && new > 20, "{old} {new}");
}

#[test]
fn each_effect_is_what_it_says() {
    let disk = SimulatedDisk::new(0);
    let file = file(&disk, &[]);
    let write = || write_all_at(&*file, &[7; 100], 0);

    disk.fail(Some(Call::Write), 1, Effect::NoSpace);
    let failed = write().expect_err("there is no room");
    assert!(is_no_space(&failed.error) && failed.written > 0, "{failed}");

    disk.fail(Some(Call::Write), 1, Effect::Broken);
    let failed = write().expect_err("it is broken");
    assert_eq!((failed.error.raw_os_error(), failed.written), (Some(5), 0));

    for effect in [Effect::Short, Effect::Interrupted] {
        disk.fail(Some(Call::Write), 1, effect);
        let calls = disk.calls();
        write().expect("it is finished by writing on");
        assert_eq!(disk.calls(), calls + 2, "{effect:?}");
    }

    disk.fail(Some(Call::Read), 1, Effect::Interrupted);
    let mut buffer = [0; 200];
    assert_eq!(
        read_full_at(&*file, &mut buffer, 0).expect("it is there"),
        100
    );
    assert_eq!(disk.faults(), 5);
}

#[test]
fn a_full_disk_takes_what_it_has_room_for() {
    let disk = SimulatedDisk::new(0);
    let file = file(&disk, &[1; 100]);
    disk.limit(Some(150));
    let refused = file.allocate(151).expect_err("there is no room");
    assert!(is_no_space(&refused));
    file.allocate(150).expect("there is room");
    file.write_at(&[2; 150], 0).expect("it has its room");
    let space = disk.space(Path::new("/d")).expect("it says");
    assert_eq!((space.free_bytes, space.total_bytes), (0, 150));
    file.set_len(0).expect("less is always possible");
}

#[test]
fn what_was_open_is_dead_after_a_crash_and_locks_are_free() {
    let disk = SimulatedDisk::new(0);
    let file = file(&disk, b"bytes");
    assert!(file.try_lock().expect("it says"));
    let other = disk.open(&path(), OpenMode::Read).expect("it is there");
    assert!(!other.try_lock().expect("it says"), "it is taken");
    disk.crash();
    assert!(file.write_at(b"more", 0).is_err() && file.sync().is_err());
    let again = disk.open(&path(), OpenMode::Write).expect("it is there");
    assert!(again.try_lock().expect("it says"));
    drop((file, other));
    assert!(
        !again.try_lock().expect("it says"),
        "the dead take no lock away"
    );
    drop(again);
    let missing = disk.open(Path::new("/d/none"), OpenMode::Write);
    let missing = missing.expect_err("it is not there").kind();
    assert_eq!(missing, io::ErrorKind::NotFound);
}

#[test]
fn the_same_seed_loses_the_same() {
    let lost = |seed| {
        let disk = SimulatedDisk::new(seed);
        let file = file(&disk, &[1; 8_000]);
        file.write_at(&[2; 8_000], 0).expect("there is room");
        after_crash(&disk)
    };
    assert_eq!(lost(7), lost(7));
    assert!((0..20).any(|seed| lost(seed) != lost(7)));
}
