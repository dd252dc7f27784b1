//! Limits of a worker's life, and the one budget for everything voluntary.

use super::*;

#[test]
fn a_worker_with_its_requests_is_replaced_by_a_successor() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
        due 100
            100 has reached max_requests
            fork 0.0 g1 = 102
        due 100
        ready 102
            102 ready in 0ns
            drain 100
        +1s
        exit 100 code 0
            100 recycled: max_requests, exit code 0 after 2s
        workers
            0.0 g1 102 Ready
            0.1 g1 101 Ready
        ",
    );
}

/// P48: they reach their limits in the same moment, and go one by one.
#[test]
fn not_all_are_replaced_at_a_time() {
    check(
        "
        server 4
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            started
        +1s
        due 100
            100 has reached max_requests
            fork 0.0 g1 = 104
        due 101
            101 has reached max_requests
        due 102
            102 has reached max_requests
        due 103
            103 has reached max_requests
        ready 104
            104 ready in 0ns
            drain 100
            fork 0.1 g1 = 105
        ready 105
            105 ready in 0ns
            drain 101
            fork 0.2 g1 = 106
        ready 106
            106 ready in 0ns
            drain 102
            fork 0.3 g1 = 107
        ready 107
            107 ready in 0ns
            drain 103
        workers
            0.0 g1 100 Draining
            0.0 g1 104 Ready
            0.1 g1 101 Draining
            0.1 g1 105 Ready
            0.2 g1 102 Draining
            0.2 g1 106 Ready
            0.3 g1 103 Draining
            0.3 g1 107 Ready
        ",
    );
}

#[test]
fn a_lifetime_ends() {
    check(
        "
        server 1 lifetime=60s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +60s
            60s 100 has reached max_lifetime
            60s fork 0.0 g1 = 101
        ready 101
            101 ready in 0ns
            drain 100
        +59s
            81s kill 100
        exit 100 code 0
            100 overdue, exit code 0 after 119s
        +1s
            120s 101 has reached max_lifetime
            120s fork 0.0 g1 = 102
        ",
    );
}

#[test]
fn memory_is_measured_and_limited() {
    check(
        "
        server 1 memory=1000
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +5s
            5s memory of 100?
        memory 100 1000
        +5s
            10s memory of 100?
        memory 100 1001
            100 has reached max_memory
            fork 0.0 g1 = 101
        +60s
            20s kill 101
        ready 101
        exit 100 code 0
            100 finished, exit code 0 after 70s
        ",
    );
}

#[test]
fn without_room_for_two_the_old_one_goes_first() {
    check(
        "
        server 2 surge=0 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        reload
        +100ms
            100ms drain 100
        +1s
        exit 100 code 0
            100 asked, exit code 0 after 1.1s
            fork 0.0 g2 = 102
        ready 102
            102 ready in 0ns
        +100ms
            1.2s drain 101
        exit 101 code 0
            101 asked, exit code 0 after 1.2s
            fork 0.1 g2 = 103
        ready 103
            103 ready in 0ns
            reloaded g2
        ",
    );
}

/// One is down already, so nobody else may go.
#[test]
fn the_budget_counts_those_that_are_missing_anyway() {
    check(
        "
        server 3 surge=0 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            0.2 waits 100ms, failures: 1
        reload
            fork 0.2 g2 = 103
        +2s
        ",
    );
}

/// The first slot is due again before the last one has had its turn.
#[test]
fn the_oldest_goes_first() {
    check(
        "
        server 3 surge=0 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        +1s
        due 100
            100 has reached max_requests
        due 101
            101 has reached max_requests
        due 102
            102 has reached max_requests
        +100ms
            1.1s drain 100
        exit 100 code 0
            100 recycled: max_requests, exit code 0 after 1.1s
            fork 0.0 g1 = 103
        ready 103
            103 ready in 0ns
        +1s
            1.2s drain 101
        due 103
            103 has reached max_requests
        exit 101 code 0
            101 recycled: max_requests, exit code 0 after 2.1s
            fork 0.1 g1 = 104
        ready 104
            104 ready in 0ns
        +100ms
            2.2s drain 102
        ",
    );
}

#[test]
fn surge_and_unavailable_add_up() {
    check(
        "
        server 4 surge=1 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            started
        reload
            fork 0.0 g2 = 104
        +100ms
            100ms drain 101
        ",
    );
}

#[test]
fn reload_and_limits_share_the_budget() {
    check(
        "
        server 4
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            started
        +1s
        due 103
            103 has reached max_requests
            fork 0.3 g1 = 104
        reload
            stop 104
        exit 104 code 0
            104 asked, exit code 0 after 0ns
            fork 0.0 g2 = 105
        ready 105
            105 ready in 0ns
            drain 100
            fork 0.1 g2 = 106
        ready 106
            106 ready in 0ns
            drain 101
            fork 0.2 g2 = 107
        ready 107
            107 ready in 0ns
            drain 102
            fork 0.3 g2 = 108
        ready 108
            108 ready in 0ns
            drain 103
            reloaded g2
        ",
    );
}

#[test]
fn a_successor_that_fails_leaves_the_old_one_serving_and_is_tried_again_later() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        due 100
            100 has reached max_requests
            fork 0.0 g1 = 101
        exit 101 code 1
            101 crashed, exit code 1 after 0ns
        +100ms
            1.1s fork 0.0 g1 = 102
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
        +200ms
            1.3s fork 0.0 g1 = 103
        ready 103
            103 ready in 0ns
            drain 100
        ",
    );
}

#[test]
fn a_worker_that_is_due_and_dies_is_just_replaced() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +2s
        due 100
            100 has reached max_requests
            fork 0.0 g1 = 101
        exit 100 sig 9
            100 crashed, signal 9 after 2s
        exit 101 sig 9
            101 crashed, signal 9 after 0ns
            0.0 waits 100ms, failures: 1
        ",
    );
}

#[test]
fn a_worker_that_drains_for_too_long_is_no_failure() {
    check(
        "
        server 1 surge=0 unavailable=1 restarts=0
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
        +30s
            100ms drain 100
            21.1s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 30s
            fork 0.0 g2 = 101
        ",
    );
}
