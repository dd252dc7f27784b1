use super::check;

#[test]
fn an_old_worker_drains_when_its_successor_is_ready() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        reload
            fork 0.0 g2 = 102
        +1s
        ready 102
            102 ready in 1s
            drain 100
            fork 0.1 g2 = 103
        ready 103
            103 ready in 0ns
            drain 101
            reloaded g2
        workers
            0.0 g1 100 Draining
            0.0 g2 102 Ready
            0.1 g1 101 Draining
            0.1 g2 103 Ready
        exit 100 code 0
            100 asked, exit code 0 after 1s
        exit 101 code 0
            101 asked, exit code 0 after 1s
        ",
    );
}

#[test]
fn a_quarter_of_each_server_is_replaced_at_a_time() {
    check(
        "
        servers 5 1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
            fork 0.4 g1 = 104
            fork 1.0 g1 = 105
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            104 ready in 0ns
            105 ready in 0ns
            started
        reload
            fork 0.0 g2 = 106
            fork 0.1 g2 = 107
            fork 1.0 g2 = 108
        ready 108
            108 ready in 0ns
            drain 105
        ready 106
            106 ready in 0ns
            drain 100
            fork 0.2 g2 = 109
        ready 107
            107 ready in 0ns
            drain 101
            fork 0.3 g2 = 110
        ready 109
            109 ready in 0ns
            drain 102
            fork 0.4 g2 = 111
        ready 110
            110 ready in 0ns
            drain 103
        ready 111
            111 ready in 0ns
            drain 104
            reloaded g2
        ",
    );
}

/// P15: the old generation serves on.
#[test]
fn a_successor_that_cannot_serve_fails_the_reload() {
    check(
        "
        servers 5
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
            fork 0.4 g1 = 104
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            104 ready in 0ns
            started
        reload
            fork 0.0 g2 = 105
            fork 0.1 g2 = 106
        failed 105 no database
            no reload g2: 0.0 g2 no database
            stop 105
            stop 106
        exit 105 code 1
            105 cannot serve: no database, exit code 1 after 0ns
        exit 106 sig 15
            106 asked, signal 15 after 0ns
        workers
            0.0 g1 100 Ready
            0.1 g1 101 Ready
            0.2 g1 102 Ready
            0.3 g1 103 Ready
            0.4 g1 104 Ready
        +60s
        reload
            fork 0.0 g3 = 107
            fork 0.1 g3 = 108
        ",
    );
}

#[test]
fn a_successor_that_crashes_fails_the_reload() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
        reload
            fork 0.0 g2 = 102
        ready 102
            102 ready in 0ns
            drain 100
            fork 0.1 g2 = 103
        exit 103 sig 6
            103 crashed, signal 6 after 0ns
            no reload g2: 0.1 g2 ended with signal 6 before it was ready
        exit 100 code 0
            100 asked, exit code 0 after 1s
        workers
            0.0 g2 102 Ready
            0.1 g1 101 Ready
        exit 102 sig 11
            102 crashed, signal 11 after 0ns
            fork 0.0 g1 = 104
        exit 101 sig 11
            101 crashed, signal 11 after 1s
            fork 0.1 g1 = 105
        ",
    );
}

#[test]
fn a_successor_that_is_late_fails_the_reload() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
            fork 0.0 g2 = 101
        +10s
            10s kill 101
            10s no reload g2: 0.0 g2 not ready within 10s
        ready 101
        exit 101 sig 9
            101 not ready in time, signal 9 after 10s
        workers
            0.0 g1 100 Ready
        ",
    );
}

#[test]
fn a_successor_that_cannot_be_forked_fails_the_reload() {
    check(
        "
        servers 8
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
            fork 0.4 g1 = 104
            fork 0.5 g1 = 105
            fork 0.6 g1 = 106
            fork 0.7 g1 = 107
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            104 ready in 0ns
            105 ready in 0ns
            106 ready in 0ns
            107 ready in 0ns
            started
        forks fail
        reload
            fork 0.0 g2
            no fork of 0.0 g2: no memory
            no reload g2: 0.0 g2 cannot be forked: no memory
        +60s
        ",
    );
}

#[test]
fn a_newer_reload_wins() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        reload
            fork 0.0 g2 = 102
        ready 102
            102 ready in 0ns
            drain 100
            fork 0.1 g2 = 103
        reload
            no reload g2: Superseded { by: 3 }
            stop 103
        ready 103
        exit 103 code 0
            103 asked, exit code 0 after 0ns
            fork 0.0 g3 = 104
        ready 104
            104 ready in 0ns
            drain 102
            fork 0.1 g3 = 105
        ready 105
            105 ready in 0ns
            drain 101
            reloaded g3
        workers
            0.0 g1 100 Draining
            0.0 g2 102 Draining
            0.0 g3 104 Ready
            0.1 g1 101 Draining
            0.1 g3 105 Ready
        ",
    );
}

#[test]
fn the_successor_of_a_worker_that_dies_takes_its_place() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        reload
            fork 0.0 g2 = 101
        exit 100 sig 11
            100 crashed, signal 11 after 1s
        ready 101
            101 ready in 0ns
            reloaded g2
        ",
    );
}

#[test]
fn where_nobody_serves_a_failure_does_not_end_the_reload_but_is_its_result() {
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
        reload
            fork 0.0 g2 = 102
            fork 1.0 g2 = 103
        exit 100 sig 11
            100 crashed, signal 11 after 1s
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        ready 103
            103 ready in 0ns
            drain 101
            no reload g2: 0.0 g2 ended with exit code 1 before it was ready
        +100ms
            1.1s fork 0.0 g2 = 104
        ready 104
            104 ready in 0ns
        ",
    );
}

#[test]
fn a_slot_that_backs_off_gets_the_new_generation_at_once() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            100ms fork 0.0 g1 = 101
        exit 101 code 1
            101 crashed, exit code 1 after 0ns
            0.0 waits 200ms, failures: 2
        reload
            fork 0.0 g2 = 102
        ready 102
            102 ready in 0ns
            reloaded g2
        ",
    );
}

/// P29: workers that drain for long do not keep new ones away, and are not too many.
#[test]
fn the_oldest_of_five_draining_workers_is_stopped() {
    check(
        "
        servers 1
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
        reload
            fork 0.0 g3 = 102
        ready all
            102 ready in 0ns
            drain 101
            reloaded g3
        reload
            fork 0.0 g4 = 103
        ready all
            103 ready in 0ns
            drain 102
            reloaded g4
        reload
            fork 0.0 g5 = 104
        ready all
            104 ready in 0ns
            drain 103
            reloaded g5
        reload
            fork 0.0 g6 = 105
        ready all
            105 ready in 0ns
            drain 104
            stop 100
            reloaded g6
        workers
            0.0 g1 100 Stopping
            0.0 g2 101 Draining
            0.0 g3 102 Draining
            0.0 g4 103 Draining
            0.0 g5 104 Draining
            0.0 g6 105 Ready
        reload
        +3s
            3s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 3s
            fork 0.0 g7 = 106
        ",
    );
}

/// P49: a worker that hangs in its drain is killed.
#[test]
fn a_worker_that_does_not_drain_in_time_is_killed() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
            fork 0.0 g2 = 101
        ready 101
            101 ready in 0ns
            drain 100
            reloaded g2
        +20s
        +1s
            21s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 21s
        +60s
        ",
    );
}
