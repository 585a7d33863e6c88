use proptest::prelude::*;

use super::*;

const FULL: u32 = 64;

fn event(offset: u64) -> Position {
    Position {
        partition: 0,
        offset,
    }
}

/// A breaker and a clock.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Bench {
            breaker: Breaker::default(),
            now: Instant::now(),
        }
    }

    fn hear(&mut self, sign: Sign, offset: u64) -> Option<Change> {
        self.breaker
            .hear(sign, event(offset), FULL, self.now, PROBE_EVERY)
    }

    fn fail(&mut self, offsets: impl IntoIterator<Item = u64>) -> Option<Change> {
        let changes = offsets.into_iter().map(|it| self.hear(Sign::Absent, it));
        changes.last().flatten()
    }

    fn allowance(&self) -> Allowance {
        self.breaker.allowance(self.now)
    }
}

#[test]
fn it_opens_with_the_tenth_failure_in_a_row_of_ten_events() {
    let ten: Vec<u64> = (0..10).collect();
    let nine_twice: Vec<u64> = (0..9).chain(0..9).collect();
    let one_hundred_times = vec![7; 100];
    let nine_then_a_tenth: Vec<u64> = (0..9).chain(0..10).collect();
    for (failures, opens) in [
        (&ten, true),
        (&nine_twice, false),
        (&one_hundred_times, false),
        (&nine_then_a_tenth, true),
    ] {
        let mut bench = Bench::new();
        let opened = bench.fail(failures.iter().copied()) == Some(Change::Opened);
        assert_eq!(opened, opens, "{failures:?}");
        assert_eq!(bench.allowance() != Allowance::Full, opens);
    }
}

#[test]
fn any_answer_begins_the_count_anew() {
    let mut bench = Bench::new();
    bench.fail(0..9);
    assert_eq!(bench.hear(Sign::Alive, 9), None);
    assert_eq!(bench.fail(10..19), None);
    assert_eq!(bench.fail([19]), Some(Change::Opened));
}

#[test]
fn probes_are_due_from_the_last_one_s_beginning_whether_it_ended_or_not() {
    let mut bench = Bench::new();
    bench.fail(0..10);
    for _ in 0..3 {
        let due = bench.now + PROBE_EVERY;
        assert_eq!(bench.allowance(), Allowance::NotBefore(due));
        bench.now = due;
        assert_eq!(bench.allowance(), Allowance::Probe);
        bench.breaker.sent(bench.now, PROBE_EVERY);
    }
}

#[test]
fn an_answer_begins_a_ramp_that_doubles_with_each_window_of_answers() {
    let mut bench = Bench::new();
    bench.fail(0..10);
    bench.now += Duration::from_secs(100);
    let after = Duration::from_secs(100);
    assert_eq!(
        bench.hear(Sign::Alive, 0),
        Some(Change::Closed { after }),
        "whoever hears first closes it"
    );
    for window in [1, 2, 4, 8, 16, 32] {
        for _ in 0..window {
            assert_eq!(bench.allowance(), Allowance::Window(window));
            assert_eq!(bench.hear(Sign::Alive, 0), None);
        }
    }
    assert_eq!(bench.allowance(), Allowance::Full);
}

#[test]
fn a_failure_halves_the_ramp_and_ten_in_a_row_open_it_again() {
    let mut bench = Bench::new();
    bench.fail(0..10);
    for _ in 0..=15 {
        bench.hear(Sign::Alive, 0);
    }
    assert_eq!(bench.allowance(), Allowance::Window(16));
    for (failure, window) in [8, 4, 2, 1, 1, 1, 1, 1, 1].into_iter().enumerate() {
        assert_eq!(bench.fail([100 + failure as u64]), None);
        assert_eq!(bench.allowance(), Allowance::Window(window));
    }
    assert_eq!(bench.fail([200]), Some(Change::Opened));
}

#[test]
fn a_window_of_one_needs_no_ramp() {
    let mut breaker = Breaker::default();
    let now = Instant::now();
    for offset in 0..10 {
        breaker.hear(Sign::Absent, event(offset), 1, now, PROBE_EVERY);
    }
    breaker.hear(Sign::Alive, event(0), 1, now, PROBE_EVERY);
    assert_eq!(breaker.allowance(now), Allowance::Full);
}

#[derive(Clone, Debug)]
enum Happening {
    Passes(u64),
    Sends,
    Hears(Sign, u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0_u64..20_000).prop_map(Happening::Passes),
        Just(Happening::Sends),
        Just(Happening::Sends),
        (0_u64..14).prop_map(|it| Happening::Hears(Sign::Absent, it)),
        (0_u64..14).prop_map(|it| Happening::Hears(Sign::Absent, it)),
        (0_u64..14).prop_map(|it| Happening::Hears(Sign::Absent, it)),
        prop::bool::weighted(0.15).prop_map(|alive| match alive {
            true => Happening::Hears(Sign::Alive, 0),
            false => Happening::Sends,
        }),
    ]
}

proptest! {
    /// Against the rule as it is written: a list of all that was heard since the last answer.
    #[test]
    fn it_opens_for_ten_events_only_and_probes_every_thirty_seconds_at_most(
        happenings in prop::collection::vec(happening(), 0..400),
    ) {
        let mut bench = Bench::new();
        let mut since_answer = Vec::new();
        let mut last_probe: Option<Instant> = None;
        for happening in happenings {
            match happening {
                Happening::Passes(ms) => bench.now += Duration::from_millis(ms),
                Happening::Sends => {
                    let is_probe = bench.allowance() == Allowance::Probe;
                    if is_probe {
                        let waited = last_probe.map(|last| bench.now - last);
                        prop_assert!(waited.is_none_or(|waited| waited >= PROBE_EVERY));
                        last_probe = Some(bench.now);
                        bench.breaker.sent(bench.now, PROBE_EVERY);
                    }
                }
                Happening::Hears(sign, offset) => {
                    let was_open = bench.breaker.probe_at().is_some();
                    let change = bench.hear(sign, offset);
                    match sign {
                        Sign::Alive => {
                            since_answer.clear();
                            last_probe = None;
                            let closed = matches!(change, Some(Change::Closed { .. }));
                            prop_assert_eq!(closed, was_open);
                        }
                        Sign::Absent => {
                            since_answer.push(offset);
                            let mut events = since_answer.clone();
                            events.sort_unstable();
                            events.dedup();
                            let opens = !was_open && events.len() >= FAILURES;
                            prop_assert_eq!(change == Some(Change::Opened), opens);
                        }
                    }
                }
            }
        }
    }
}
