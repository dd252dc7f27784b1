//! Supervisors that go on where others have stopped.

use super::*;

#[test]
fn nothing_happens_to_what_serves() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        reload 1
            fork 1.0 g2 = 102
        ready all
            102 ready in 0ns
            drain 101
            reloaded g2
        upgrade
        +1s
        workers
            0.0 g1 100 Ready
            1.0 g1 101 Draining
            1.0 g2 102 Ready
        ",
    );
}

#[test]
fn the_reload_after_it_replaces_all() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        upgrade
        reload
            fork 0.0 g2 = 102
        ready all
            102 ready in 0ns
            drain 100
            fork 0.1 g2 = 103
        ready all
            103 ready in 0ns
            drain 101
            reloaded g2
        ",
    );
}

#[test]
fn deadlines_stay_where_they_are() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        reload
            fork 0.0 g2 = 102
        ready all
            102 ready in 0ns
            drain 100
            fork 0.1 g2 = 103
        +1s
        upgrade 2 start=5s drain=5s
        +60s
            10s kill 103
            21s kill 100
        ",
    );
}

/// What is known of the end to come is not forgotten.
#[test]
fn a_worker_that_was_aborted_has_hung() {
    check(
        "
        server 1 heartbeat=5s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +5s
            5s heartbeat of 100?
        heartbeat 100 5s
        +100ms
            5.1s heartbeat of 100?
        heartbeat 100 5100ms
            abort 100
            100 is silent for 5.1s
        upgrade
        +1s
            5.6s kill 100
        exit 100 sig 9
            100 hung, signal 9 after 6.1s
            fork 0.0 g1 = 101
        ",
    );
}

/// One that does not beat is not to be found silent.
#[test]
fn workers_are_watched_as_they_were_forked() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        upgrade 1 heartbeat=5s lifetime=5s
        +60s
        reload
            fork 0.0 g2 = 101
        ready all
            101 ready in 0ns
            drain 100
            reloaded g2
        exit 100 code 0
            100 asked, exit code 0 after 60s
        upgrade 1
        +5s
            65s heartbeat of 101?
            65s 101 has reached max_lifetime
            65s fork 0.0 g2 = 102
        ",
    );
}

#[test]
fn a_lifetime_goes_on() {
    check(
        "
        server 1 lifetime=60s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +50s
        upgrade 1
        +10s
            60s 100 has reached max_lifetime
            60s fork 0.0 g1 = 101
        upgrade
        ready all
            101 ready in 0ns
            drain 100
        exit 100 code 0
            100 recycled: max_lifetime, exit code 0 after 60s
        ",
    );
}

#[test]
fn a_crash_loop_goes_on() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +50ms
        upgrade
        +50ms
            100ms fork 0.0 g1 = 101
        exit 101 code 1
            101 crashed, exit code 1 after 0ns
            0.0 waits 200ms, failures: 2
        ",
    );
}

#[test]
fn failures_still_count_and_what_is_given_up_stays_so() {
    check(
        "
        server 2 restarts=1 window=20s
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        upgrade
        +100ms
            100ms fork 0.0 g1 = 102
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            0 degraded, failures: 2
            0.0 given up, retry: Some(20s)
        upgrade
        workers
            0.0 g1 - Failed { until: Some(20.1s) }
            0.1 g1 101 Ready
        +20s
            20.1s fork 0.0 g1 = 103
        ready all
            103 ready in 0ns
            0 recovered
        ",
    );
}

#[test]
fn a_program_without_hope_ends_after_an_upgrade_too() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        exit 100 code 78
            100 misconfigured: exit code 78, exit code 78 after 0ns
            0 degraded, failures: 0
            0.0 given up, retry: None
        upgrade
        exit 101 code 78
            101 misconfigured: exit code 78, exit code 78 after 0ns
            0.1 given up, retry: None
            nothing serves: 0.0 g1 ended with exit code 78 soon after it was ready
            stopped
            finish 1
        ",
    );
}

#[test]
fn the_number_it_was_scaled_to_stays() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        scale 2
            0 scaled 1 to 2
            fork 0.1 g1 = 101
        ready all
            101 ready in 0ns
        upgrade
        upgrade 1 drain=5s
        reload
            fork 0.0 g2 = 102
        ready all
            102 ready in 0ns
            drain 100
            fork 0.1 g2 = 103
        ready all
            103 ready in 0ns
            drain 101
            reloaded g2
        +6s
            6s kill 100
            6s kill 101
        ",
    );
}

#[test]
fn it_is_calm_when_nothing_starts_and_nothing_is_reloaded() {
    let mut stage = Stage::default();
    for (line, calm) in [
        ("servers 1 1", false),
        ("ready all", true),
        ("scale +1", false),
        ("ready all", true),
        ("exit 100 code 1", true),
        ("+100ms", false),
        ("ready all", true),
        ("reload", false),
        ("ready all", false),
        ("ready all", true),
        ("stop", false),
    ] {
        stage.play(line);
        assert_eq!(stage.supervisor().is_calm(), calm, "{line}");
    }
}
