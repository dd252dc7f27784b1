//! Servers that become others while they run.

use super::check;

#[test]
fn another_number_of_workers_is_scaled_to() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        configure 0 2
            0 scaled 1 to 2
            fork 0.1 g1 = 101
        ready all
            101 ready in 0ns
        configure 0 1
            0 scaled 2 to 1
        +100ms
            100ms drain 101
        ",
    );
}

#[test]
fn the_number_it_was_scaled_to_stays_if_another_was_not_configured() {
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
        configure 0 1 drain=5s
        configure 0 1 drain=6s
        configure 0 3
            0 scaled 2 to 3
            fork 0.2 g1 = 102
        ",
    );
}

#[test]
fn the_number_stays_within_a_new_range() {
    check(
        "
        server 2 range=2..4
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        scale 3
            0 scaled 2 to 3
            fork 0.2 g1 = 102
        configure 0 1 range=1..5
        configure 0 4 range=4..5
            0 scaled 3 to 4
            fork 0.3 g1 = 103
        configure 0 1 range=1..3
            0 scaled 4 to 3
            stop 103
        configure 0 3
        ",
    );
}

#[test]
fn a_range_is_measured_from_when_it_is_one() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +10s
        configure 0 1 range=1..2
        +1s
            11s load of 0?
        load 0 0 0
        configure 0 1
        +10s
        ",
    );
}

#[test]
fn workers_drain_by_what_holds_when_they_are_told() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
            fork 0.0 g2 = 101
        ready all
            101 ready in 0ns
            drain 100
            reloaded g2
        configure 0 1 drain=5s
        stop
            drain 101
        +60s
            6s kill 101
            21s kill 100
        ",
    );
}

#[test]
fn workers_start_by_what_they_were_forked_with() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
            fork 0.0 g2 = 101
        configure 0 1 start=5s
        +10s
            10s kill 101
            10s no reload g2: 0.0 g2 not ready within 10s
        exit 101 sig 9
            101 not ready in time, signal 9 after 10s
        reload
            fork 0.0 g3 = 102
        +5s
            15s kill 102
            15s no reload g3: 0.0 g3 not ready within 5s
        ",
    );
}

/// One that does not beat is not to be found silent.
#[test]
fn what_is_watched_of_a_worker_is_what_it_was_forked_with() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        configure 0 1 heartbeat=5s
        +60s
        reload
            fork 0.0 g2 = 101
        ready all
            101 ready in 0ns
            drain 100
            reloaded g2
        exit 100 code 0
            100 asked, exit code 0 after 60s
        +5s
            65s heartbeat of 101?
        ",
    );
}

#[test]
fn the_policy_of_restarts_holds_at_once() {
    check(
        "
        server 1 window=20s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            100ms fork 0.0 g1 = 101
        ready all
            101 ready in 0ns
        configure 0 1 restarts=1 window=30s
        exit 101 code 1
            101 crashed, exit code 1 after 0ns
            0 degraded, failures: 2
            0.0 given up, retry: Some(30s)
            nothing serves: 0.0 g1 ended with exit code 1 soon after it was ready
            stopped
            finish 1
        ",
    );
}

#[test]
fn the_budget_holds_at_once() {
    check(
        "
        server 3 surge=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        reload
            fork 0.0 g2 = 103
        configure 0 3 surge=3
            fork 0.1 g2 = 104
            fork 0.2 g2 = 105
        ",
    );
}

#[test]
fn it_means_nothing_to_a_program_that_stops() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            drain 100
        configure 0 5
        ",
    );
}
