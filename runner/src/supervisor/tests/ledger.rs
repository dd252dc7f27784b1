//! The format of what supervisors hand over, and what is wrong with other texts.

use super::*;
use crate::supervisor::slot::Seat;
use crate::supervisor::worker::Phase;
use crate::supervisor::world::fuzz_ledger;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Of version 1 of the hand-over, which programs that are in use write and read.
const VERSION_1: &str = include_str!("../../../../fuzz/corpus/ledger/version-1");

/// Workers that serve, drain, hang, start and were killed, one that is to retire, a slot that backs
/// off and one that is given up.
const SCRIPT: [&str; 17] = [
    "servers 4 2",
    "ready all",
    "configure 0 4 heartbeat=5s lifetime=60s memory=4096",
    "configure 1 3 restarts=2 range=1..8",
    "reload 0",
    "ready 106",
    "due 106",
    "failed 107 no database",
    "+5s",
    "heartbeat 106 5s",
    "+100ms",
    "heartbeat 106 5100ms",
    "scale 2",
    "exit 104 code 78",
    "exit 105 code 1",
    "exit 108 code 1",
    "+50ms",
];

fn played() -> Stage {
    let mut stage = Stage::default();
    SCRIPT.iter().for_each(|line| stage.play(line));
    stage
}

/// Whoever has to change this text changes the version of the hand-over, and reads both.
#[test]
fn the_format_stays() {
    let ledger = played().supervisor().ledger();
    assert_eq!(serde_json::to_value(&ledger).expect("written"), recorded());
    let read: Ledger = serde_json::from_str(VERSION_1).expect("read");
    assert_eq!(read, ledger);
}

#[test]
fn the_words_stay() {
    let word = |cause: Cause| serde_json::to_value(cause).expect("written");
    for (cause, expected) in [
        (Cause::Overdue, json!("overdue")),
        (Cause::StartTimeout, json!("start-timeout")),
        (Cause::StartFailed("x".to_owned()), json!({ "start-failed": "x" })),
        (Cause::Misconfigured("x".to_owned()), json!({ "misconfigured": "x" })),
        (Cause::Hung, json!("hung")),
    ] {
        assert_eq!(word(cause), expected);
    }
    let phases = [Phase::Starting, Phase::Ready];
    assert_eq!(json!(phases), json!(["starting", "ready"]));
    let ways = [Leave::LameDuck, Leave::Drain, Leave::Stop, Leave::Abort, Leave::Kill];
    assert_eq!(json!(ways), json!(["lame-duck", "drain", "stop", "abort", "kill"]));
    let seats = [Seat::Holder, Seat::Successor, Seat::Leaving];
    assert_eq!(json!(seats), json!(["holder", "successor", "leaving"]));
    let limits = [Recycle::Requests, Recycle::Lifetime, Recycle::Memory, Recycle::RolledBack];
    assert_eq!(json!(limits), json!(["requests", "lifetime", "memory", "rolled-back"]));
}

#[test]
fn what_is_read_goes_on() {
    let ledger: Ledger = serde_json::from_str(VERSION_1).expect("read");
    let mut stage = Stage { now: Time::from_millis(5150), forked: 10, ..Stage::default() };
    stage.supervisor = Some(adopt(ledger).expect("adopted"));
    stage.act("");
    stage.play("workers");
    stage.play("+1s");
    let expected = "workers
    0.0 g1 100 Draining
    0.0 g2 106 Stopping
    0.1 g1 101 Ready
    0.1 g2 107 Stopping
    0.2 g1 102 Ready
    0.3 g1 103 Ready
    1.0 g1 - Failed { until: None }
    1.1 g1 - BackOff { until: 5.2s }
+1s
    5.2s drain 102
    5.2s fork 1.1 g1 = 110
    5.6s kill 106
    6.15s load of 1?
";
    assert_eq!(stage.seen, expected);
}

/// What is there, by its place in the text, becomes something else.
#[test]
fn what_does_not_fit_is_refused() {
    for (place, value, expected) in [
        ("/newest", json!(u32::MAX), "generation 4294967295 is out of range"),
        ("/newest", json!(1), "generation 2 is later than the newest one, 1"),
        ("/servers/0/generation", json!(3), "generation 3 is later than the newest one, 2"),
        ("/servers/0/target", json!(5), "server 0 lacks slots for 5 workers"),
        ("/servers/0/slots/1/slot", json!(7), "slot 7 of server 0 is at place 1"),
        ("/servers/0/slots/1/workers/0/pid", json!(0), "process 0 is none, or there twice"),
        ("/servers/0/configured/workers", json!(u32::MAX), "4294967295 workers are out of range"),
        ("/servers/0/configured/bounds/1", json!(5000), "5000 workers are out of range"),
        ("/servers/0/slots/1/workers/0/pid", json!(100), "process 100 is none, or there twice"),
        (
            "/servers/0/slots/1/workers/1/seat",
            json!("holder"),
            "process 107 cannot be the holder of its slot",
        ),
        (
            "/servers/0/slots/1/workers/0/seat",
            json!("leaving"),
            "process 101 cannot be the former holder of its slot",
        ),
        (
            "/servers/0/slots/1/workers/0/seat",
            json!("successor"),
            "process 101 cannot be the successor of its slot",
        ),
        ("/servers/0/slots/0/workers/0/deadline", json!(null), "process 100 contradicts itself"),
        ("/servers/0/slots/1/workers/0/ready_at", json!(null), "process 101 contradicts itself"),
    ] {
        let mut text = recorded();
        *text.pointer_mut(place).expect(place) = value;
        let ledger = serde_json::from_value(text).expect("a ledger");
        assert_eq!(adopt(ledger).err().as_deref(), Some(expected), "{place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_ledger_makes_it_panic(changes in prop::collection::vec(any::<(usize, usize)>(), 1..6)) {
        let mut text = recorded();
        for (place, value) in changes {
            change(&mut text, place, value);
        }
        fuzz_ledger(text.to_string().as_bytes());
    }
}

/// One of the values in it, however deep, becomes another one.
fn change(text: &mut Value, place: usize, value: usize) {
    let mut places = Vec::new();
    leaves(text, String::new(), &mut places);
    let values = [
        json!(null),
        json!(false),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(1000),
        json!(u32::MAX),
        json!({ "secs": 0, "nanos": 0 }),
        json!({ "secs": u64::MAX, "nanos": 999_999_999 }),
        json!("successor"),
        json!("starting"),
        json!({ "leaving": "stop" }),
        json!("hung"),
    ];
    let place = text.pointer_mut(&places[place % places.len()]).expect("a place");
    *place = values[value % values.len()].clone();
}

/// The places of what has no parts, a moment among them.
fn leaves(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(parts) if !parts.contains_key("secs") => {
            parts.iter().for_each(|(name, part)| leaves(part, format!("{place}/{name}"), places));
        }
        Value::Array(parts) => {
            let parts = parts.iter().enumerate();
            parts.for_each(|(index, part)| leaves(part, format!("{place}/{index}"), places));
        }
        _ => places.push(place),
    }
}

/// Two servers as in the script.
fn adopt(ledger: Ledger) -> Result<Supervisor, String> {
    let adopted = ledger.servers.into_iter().map(|ledger| Adopted {
        settings: server("4 restarts=2"),
        ledger: Some(ledger),
        removed: false,
    });
    let now = Time::from_millis(5150);
    Supervisor::adopt(now, settings(), adopted.collect(), ledger.newest)
}

fn recorded() -> Value {
    serde_json::from_str(VERSION_1).expect("JSON")
}
