use super::check;

#[test]
fn starts_when_all_are_ready() {
    check(
        "
        servers 2 1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 1.0 g1 = 102
        ready 100
            100 ready in 0ns
        +1s
        ready 102
            102 ready in 1s
        ready 101
            101 ready in 1s
            started
        workers
            0.0 g1 100 Ready
            0.1 g1 101 Ready
            1.0 g1 102 Ready
        ",
    );
}

#[test]
fn servers_without_workers_start_at_once_and_stop_at_once() {
    check(
        "
        servers 0 0
            started
        reload
            reloaded g2
        stop
            stopped
            finish 0
        ",
    );
}

#[test]
fn a_worker_that_cannot_serve_ends_the_start() {
    check(
        "
        servers 2 1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 1.0 g1 = 102
        ready 100
            100 ready in 0ns
        failed 102 no database
            start failed: 1.0 g1 no database
            stop 100
            stop 101
            stop 102
        exit 102 code 1
            102 cannot serve: no database, exit code 1 after 0ns
        exit 100 code 0
            100 asked, exit code 0 after 0ns
        exit 101 sig 15
            101 asked, signal 15 after 0ns
            finish 1
        +60s
        ",
    );
}

#[test]
fn a_worker_that_is_late_ends_the_start() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready 100
            100 ready in 0ns
        +10s
            10s kill 101
            10s start failed: 0.1 g1 not ready within 10s
            10s stop 100
        exit 101 sig 9
            101 not ready in time, signal 9 after 10s
        exit 100 code 0
            100 asked, exit code 0 after 10s
            finish 1
        ",
    );
}

#[test]
fn a_worker_that_crashes_may_try_again_within_the_start() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        exit 100 sig 11
            100 crashed, signal 11 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            100ms fork 0.0 g1 = 101
        ready 101
            101 ready in 0ns
            started
        ",
    );
}

#[test]
fn a_server_that_only_crashes_fails_the_start_with_the_last_exit() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready 101
            101 ready in 0ns
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
            0.0 waits 400ms, failures: 3
        +400ms
            700ms fork 0.0 g1 = 104
        exit 104 code 1
            104 crashed, exit code 1 after 0ns
            0.0 waits 800ms, failures: 4
        +800ms
            1.5s fork 0.0 g1 = 105
        exit 105 code 1
            105 crashed, exit code 1 after 0ns
            0.0 waits 1.6s, failures: 5
        +1600ms
            3.1s fork 0.0 g1 = 106
        exit 106 code 1
            106 crashed, exit code 1 after 0ns
            0.0 waits 3.2s, failures: 6
        +3200ms
            6.3s fork 0.0 g1 = 107
        exit 107 code 7
            107 crashed, exit code 7 after 0ns
            0.0 waits 6.4s, failures: 7
        +10s
            10s start failed: 0.0 g1 ended with exit code 7 before it was ready
            10s stop 101
            13s kill 101
        exit 101 code 0
            101 overdue, exit code 0 after 16.3s
            finish 1
        ",
    );
}

#[test]
fn forks_that_fail_are_tried_again_within_the_start() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        forks fail
        +500ms
            100ms fork 0.0 g1
            100ms no fork of 0.0 g1: no memory
            100ms 0.0 waits 200ms, failures: 2
            300ms fork 0.0 g1
            300ms no fork of 0.0 g1: no memory
            300ms 0.0 waits 400ms, failures: 3
        forks work
        +500ms
            700ms fork 0.0 g1 = 101
        ready 101
            101 ready in 300ms
            started
        ",
    );
}

#[test]
fn a_started_server_may_crash_while_another_starts() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready 100
            100 ready in 0ns
        +1s
        exit 100 sig 11
            100 crashed, signal 11 after 1s
            fork 0.0 g1 = 102
        +1s
        ready 101
            101 ready in 2s
            started
        workers
            0.0 g1 102 Starting
            1.0 g1 101 Ready
        ready 102
            102 ready in 1s
        ",
    );
}

#[test]
fn a_reload_before_the_start_is_over_begins_it_anew() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready 100
            100 ready in 0ns
        +9s
        reload
            stop 101
            fork 0.0 g2 = 102
        exit 101 sig 15
            101 asked, signal 15 after 9s
            fork 0.1 g2 = 103
        +5s
        ready all
            102 ready in 5s
            drain 100
            103 ready in 5s
            started
            reloaded g2
        ready all
        ",
    );
}

#[test]
fn a_stop_before_the_start_is_over_is_no_failure() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready 100
            100 ready in 0ns
        stop
            drain 100
            stop 101
        failed 101 no database
        exit 101 code 1
            101 asked, exit code 1 after 0ns
        exit 100 code 0
            100 asked, exit code 0 after 0ns
            finish 0
        ",
    );
}
