//! Ten thousand subscriptions, in counts of bytes.

use std::path::Path;
use std::sync::Arc;

use super::super::{Change, Progress, ProgressOptions, Standing};
use super::support::{DIR, floor, idle, put, write};
use crate::disk::simulated::SimulatedDisk;

const MANY: u64 = 10_000;

fn open(disk: &SimulatedDisk) -> (Progress, Vec<Standing>) {
    let files = Arc::new(disk.clone());
    let opened = Progress::open(files, Path::new(DIR), ProgressOptions::default());
    let (progress, recovered) = opened.unwrap_or_else(|error| panic!("{error}"));
    (progress, recovered.standings)
}

#[test]
fn ten_thousand_take_up_about_a_hundred_bytes_each_and_idle_ones_cost_nothing() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    let named = |number: u64| Standing {
        name: format!("default/trigger-{number:05}/8f14e45f-ceea-467f-a0e6-9d0c3a1b2c3d").into(),
        ..idle(number, 1 << 40)
    };
    let changes: Vec<Change> = (0..MANY).map(named).map(put).collect();
    write(&mut progress, None, changes);
    let all_bytes = progress.generations.written_bytes;
    assert!(all_bytes < MANY * 160, "{all_bytes} bytes");

    let floors = 100;
    for offset in 1..=floors {
        let offset = (1 << 41) + offset;
        write(&mut progress, Some(floor(offset)), vec![]);
    }
    let floor_bytes = progress.generations.written_bytes - all_bytes;
    assert!(floor_bytes < floors * 64, "{floor_bytes} bytes");

    // One is busy until a snapshot comes, which is about as large as what it replaces.
    let generation = progress.generations.written_bytes;
    let mut longest = generation;
    while progress.generations.written_bytes >= longest {
        longest = progress.generations.written_bytes;
        let more = Standing {
            is_idle: false,
            ..named(3)
        };
        write(&mut progress, None, vec![put(more)]);
    }
    let snapshot_bytes = progress.generations.written_bytes;
    assert!(
        snapshot_bytes < all_bytes + 2 * MANY,
        "{snapshot_bytes} bytes"
    );
    assert!(
        longest < 4 * snapshot_bytes,
        "{longest} bytes in a generation"
    );
    drop(progress);

    let (progress, standings) = open(&disk);
    assert_eq!(standings.len() as u64, MANY);
    let at_floor = |it: &&Standing| it.reads_on_from == (1 << 41) + floors;
    assert_eq!(standings.iter().filter(at_floor).count() as u64, MANY - 1);
    assert!(progress.needs(0..1 << 41), "one is not idle");
}
