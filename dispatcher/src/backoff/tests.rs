use proptest::prelude::*;

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn waits(policy: BackoffPolicy, first: Duration, max: Duration, count: u32) -> Vec<u128> {
    (1..=count)
        .map(|retry| delay(policy, first, max, retry).as_millis())
        .collect()
}

fn schedule(policy: BackoffPolicy, first: Duration, max: Duration, seed: u64) -> Schedule {
    Schedule {
        policy,
        first,
        max,
        retries: 0,
        rng: fastrand::Rng::with_seed(seed),
    }
}

#[test]
fn waits_grow_as_the_policy_says() {
    use BackoffPolicy::{Exponential, Linear};
    for (policy, first, max, expected) in [
        // T2: the first retry waits the delay itself.
        (
            Exponential,
            ms(200),
            ms(600_000),
            [200, 400, 800, 1_600, 3_200],
        ),
        (
            Exponential,
            ms(200),
            ms(1_000),
            [200, 400, 800, 1_000, 1_000],
        ),
        // T1: counted from one, so the first retry is not immediate.
        (Linear, ms(200), ms(600_000), [200, 400, 600, 800, 1_000]),
        (Linear, ms(200), ms(500), [200, 400, 500, 500, 500]),
        // A ceiling below the delay wins from the start.
        (Exponential, ms(5_000), ms(1_000), [1_000; 5]),
        (Linear, ms(5_000), ms(1_000), [1_000; 5]),
        // T3: a delay of zero is no hot loop.
        (Exponential, ms(0), ms(600_000), [10, 20, 40, 80, 160]),
        (Linear, ms(0), ms(600_000), [10, 20, 30, 40, 50]),
        (Linear, ms(0), ms(0), [10; 5]),
    ] {
        assert_eq!(
            waits(policy, first, max, 5),
            expected,
            "{policy:?} {first:?} {max:?}"
        );
    }
}

#[test]
fn a_schedule_goes_on_where_it_was_left() {
    let whole: Vec<_> = {
        let mut whole = schedule(BackoffPolicy::Exponential, ms(100), ms(60_000), 7);
        (0..6).filter_map(|_| whole.next_backoff()).collect()
    };
    for (done, wait) in (0..).zip(&whole) {
        let mut resumed = Schedule {
            retries: done,
            ..schedule(BackoffPolicy::Exponential, ms(100), ms(60_000), 8)
        };
        let resumed = resumed.next_backoff().unwrap();
        let nominal = ms(100) * 2_u32.pow(done);
        assert!(resumed >= nominal && resumed <= nominal.mul_f64(1.1));
        assert!(*wait >= nominal && *wait <= nominal.mul_f64(1.1));
    }
}

#[test]
fn the_same_seed_waits_the_same_and_another_does_not() {
    let run = |seed| -> Vec<_> {
        let mut schedule = schedule(BackoffPolicy::Linear, ms(1_000), ms(60_000), seed);
        (0..8).filter_map(|_| schedule.next_backoff()).collect()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_reset_begins_anew() {
    let mut schedule = schedule(BackoffPolicy::Exponential, ms(100), ms(60_000), 1);
    for _ in 0..5 {
        schedule.next_backoff();
    }
    schedule.reset();
    assert!(schedule.next_backoff().unwrap() <= ms(110));
}

proptest! {
    #[test]
    fn any_wait_is_between_its_nominal_time_and_a_tenth_more(
        is_linear: bool,
        first_ms in 0..u64::MAX / 1_000_000_000,
        max_ms in 0..u64::MAX / 1_000_000_000,
        retries: u32,
        seed: u64,
    ) {
        let policy = if is_linear { BackoffPolicy::Linear } else { BackoffPolicy::Exponential };
        let nominal = delay(policy, ms(first_ms), ms(max_ms), retries.saturating_add(1));
        prop_assert!(nominal >= DELAY_MIN);
        prop_assert!(nominal <= ms(max_ms).max(DELAY_MIN));

        let mut schedule = Schedule { retries, ..schedule(policy, ms(first_ms), ms(max_ms), seed) };
        let wait = schedule.next_backoff().expect("a schedule always has a next wait");
        prop_assert!(wait >= nominal);
        // A microsecond of room for the rounding of a float.
        prop_assert!(wait <= nominal.mul_f64(1.1) + Duration::from_micros(1));
    }
}
