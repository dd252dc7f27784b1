//! What comes of a server that fails too often, or for good.

use super::*;

#[test]
fn a_server_that_fails_too_often_is_degraded_and_the_slot_is_given_up_for_the_window() {
    check(
        "
        server 2 restarts=2 window=20s
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            100ms fork 0.0 g1 = 102
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            0.0 waits 200ms, failures: 2
        +200ms
            300ms fork 0.0 g1 = 103
        exit 103 code 1
            103 crashed, exit code 1 after 0ns
            0 degraded, failures: 3
            0.0 given up, retry: Some(20s)
        workers
            0.0 g1 - Failed { until: Some(20.3s) }
            0.1 g1 101 Ready
        +20s
            20.3s fork 0.0 g1 = 104
        ready all
            104 ready in 0ns
            0 recovered
        workers
            0.0 g1 104 Ready
            0.1 g1 101 Ready
        ",
    );
}

/// One that is killed again and again from outside is not given up.
#[test]
fn a_stable_worker_is_replaced_at_once_also_in_a_degraded_server() {
    check(
        "
        server 2 restarts=1 window=20s
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
        exit 100 sig 9
            100 crashed, signal 9 after 1s
            fork 0.0 g1 = 102
        ready all
            102 ready in 0ns
        +1s
        exit 101 sig 9
            101 crashed, signal 9 after 2s
            0 degraded, failures: 2
            fork 0.1 g1 = 103
        ready all
            103 ready in 0ns
        +1s
        exit 102 sig 9
            102 crashed, signal 9 after 2s
            fork 0.0 g1 = 104
        ready all
            104 ready in 0ns
        +30s
            22s 0 recovered
        ",
    );
}

#[test]
fn a_reload_forgets_the_failures_before_it() {
    check(
        "
        server 1 restarts=1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        exit 100 sig 11
            100 crashed, signal 11 after 1s
            fork 0.0 g1 = 101
        ready all
            101 ready in 0ns
        reload
            fork 0.0 g2 = 102
        ready all
            102 ready in 0ns
            drain 101
            reloaded g2
        exit 102 sig 11
            102 crashed, signal 11 after 0ns
            0.0 waits 100ms, failures: 1
        ",
    );
}

/// P47.
#[test]
fn failures_that_are_far_apart_never_escalate() {
    check(
        "
        server 1 restarts=1 window=5s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        exit 100 sig 11
            100 crashed, signal 11 after 1s
            fork 0.0 g1 = 101
        ready all
            101 ready in 0ns
        +6s
        exit 101 sig 11
            101 crashed, signal 11 after 6s
            fork 0.0 g1 = 102
        ready all
            102 ready in 0ns
        +6s
        exit 102 sig 11
            102 crashed, signal 11 after 6s
            fork 0.0 g1 = 103
        ready all
            103 ready in 0ns
        ",
    );
}

#[test]
fn a_program_of_which_nothing_is_left_ends_with_failure() {
    check(
        "
        server 1 restarts=2 window=60s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        exit 100 sig 6
            100 crashed, signal 6 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            100ms fork 0.0 g1 = 101
        exit 101 sig 6
            101 crashed, signal 6 after 0ns
            0.0 waits 200ms, failures: 2
        +200ms
            300ms fork 0.0 g1 = 102
        exit 102 sig 6
            102 crashed, signal 6 after 0ns
            0 degraded, failures: 3
            0.0 given up, retry: Some(60s)
            nothing serves: 0.0 g1 ended with signal 6 before it was ready
            stopped
            finish 1
        ",
    );
}

/// The other server serves on.
#[test]
fn a_worker_that_can_never_serve_is_not_tried_again() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
        exit 100 code 1
            100 crashed, exit code 1 after 1s
            fork 0.0 g1 = 102
        misconfigured 102 no such table
        exit 102 code 78
            102 misconfigured: no such table, exit code 78 after 0ns
            0 degraded, failures: 1
            0.0 given up, retry: None
        +500s
        workers
            0.0 g1 - Failed { until: None }
            1.0 g1 101 Ready
        reload
            fork 0.0 g2 = 103
            fork 1.0 g2 = 104
        ready 103
            103 ready in 0ns
            0 recovered
        ",
    );
}

#[test]
fn a_worker_that_exits_with_ex_config_is_not_tried_again() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        exit 100 code 78
            100 misconfigured: exit code 78, exit code 78 after 0ns
            0 degraded, failures: 0
            0.0 given up, retry: None
        +500s
        exit 101 code 78
            101 misconfigured: exit code 78, exit code 78 after 500s
            1 degraded, failures: 0
            1.0 given up, retry: None
            nothing serves: 0.0 g1 ended with exit code 78 soon after it was ready
            stopped
            finish 1
        ",
    );
}

#[test]
fn a_misconfigured_worker_ends_the_start_at_once() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready 101
            101 ready in 0ns
        misconfigured 100 no such table
            start failed: 0.0 g1 no such table
            stop 100
            stop 101
        ",
    );
}

#[test]
fn a_slot_that_is_given_up_during_the_start_ends_it() {
    check(
        "
        server 1 restarts=1
            fork 0.0 g1 = 100
        exit 100 sig 6
            100 crashed, signal 6 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            100ms fork 0.0 g1 = 101
        exit 101 sig 6
            101 crashed, signal 6 after 0ns
            0 degraded, failures: 2
            0.0 given up, retry: Some(60s)
            start failed: 0.0 g1 ended with signal 6 before it was ready
            finish 1
        ",
    );
}
