use super::backoff::BackOff;
use super::*;

#[test]
fn a_stable_worker_is_replaced_at_once() {
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
        exit 101 sig 11
            101 crashed, signal 11 after 1s
            fork 0.1 g1 = 102
        ready 102
            102 ready in 0ns
        ",
    );
}

#[test]
fn a_crash_loop_slows_down_and_ends_with_a_stable_life() {
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
        ready all
            101 ready in 0ns
        exit 101 code 1
            101 crashed, exit code 1 after 0ns
            0.0 waits 200ms, failures: 2
        +200ms
            300ms fork 0.0 g1 = 102
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            0.0 waits 400ms, failures: 3
        +400ms
            700ms fork 0.0 g1 = 103
        ready all
            103 ready in 0ns
        +999ms
        exit 103 code 1
            103 crashed, exit code 1 after 999ms
            0.0 waits 800ms, failures: 4
        +800ms
            2.499s fork 0.0 g1 = 104
        ready all
            104 ready in 0ns
        +1s
        exit 104 code 1
            104 crashed, exit code 1 after 1s
            fork 0.0 g1 = 105
        exit 105 code 1
            105 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            3.599s fork 0.0 g1 = 106
        ",
    );
}

/// P46: the budget of a worker that exits at once, and other servers do not notice.
#[test]
fn a_worker_that_exits_at_once_is_forked_less_than_ten_times_in_ten_seconds() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
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
        exit 107 code 1
            107 crashed, exit code 1 after 0ns
            0.0 waits 6.4s, failures: 7
        +6400ms
            12.7s fork 0.0 g1 = 108
        workers
            0.0 g1 108 Starting
            1.0 g1 101 Ready
        ",
    );
}

#[test]
fn the_delay_is_capped() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        forks fail
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +200s
            100ms fork 0.0 g1
            100ms no fork of 0.0 g1: no memory
            100ms 0.0 waits 200ms, failures: 2
            300ms fork 0.0 g1
            300ms no fork of 0.0 g1: no memory
            300ms 0.0 waits 400ms, failures: 3
            700ms fork 0.0 g1
            700ms no fork of 0.0 g1: no memory
            700ms 0.0 waits 800ms, failures: 4
            1.5s fork 0.0 g1
            1.5s no fork of 0.0 g1: no memory
            1.5s 0.0 waits 1.6s, failures: 5
            3.1s fork 0.0 g1
            3.1s no fork of 0.0 g1: no memory
            3.1s 0.0 waits 3.2s, failures: 6
            6.3s fork 0.0 g1
            6.3s no fork of 0.0 g1: no memory
            6.3s 0.0 waits 6.4s, failures: 7
            12.7s fork 0.0 g1
            12.7s no fork of 0.0 g1: no memory
            12.7s 0.0 waits 12.8s, failures: 8
            25.5s fork 0.0 g1
            25.5s no fork of 0.0 g1: no memory
            25.5s 0.0 waits 25.6s, failures: 9
            51.1s fork 0.0 g1
            51.1s no fork of 0.0 g1: no memory
            51.1s 0.0 waits 30s, failures: 10
            81.1s fork 0.0 g1
            81.1s no fork of 0.0 g1: no memory
            81.1s 0.0 waits 30s, failures: 11
            111.1s fork 0.0 g1
            111.1s no fork of 0.0 g1: no memory
            111.1s 0.0 waits 30s, failures: 12
            141.1s fork 0.0 g1
            141.1s no fork of 0.0 g1: no memory
            141.1s 0.0 waits 30s, failures: 13
            171.1s fork 0.0 g1
            171.1s no fork of 0.0 g1: no memory
            171.1s 0.0 waits 30s, failures: 14
        ",
    );
}

/// P47: nothing adds up over months.
#[test]
fn crashes_far_apart_never_wait() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +3600s
        exit 100 code 1
            100 crashed, exit code 1 after 3600s
            fork 0.0 g1 = 101
        ready all
            101 ready in 0ns
        +3600s
        exit 101 code 1
            101 crashed, exit code 1 after 3600s
            fork 0.0 g1 = 102
        ready all
            102 ready in 0ns
        +3600s
        exit 102 code 1
            102 crashed, exit code 1 after 3600s
            fork 0.0 g1 = 103
        ready all
            103 ready in 0ns
        +3600s
        exit 103 code 1
            103 crashed, exit code 1 after 3600s
            fork 0.0 g1 = 104
        ready all
            104 ready in 0ns
        ",
    );
}

#[test]
fn a_respawned_worker_that_is_late_is_killed() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        exit 100 code 1
            100 crashed, exit code 1 after 1s
            fork 0.0 g1 = 101
        +10s
            11s kill 101
        ready 101
        exit 101 sig 9
            101 not ready in time, signal 9 after 10s
            0.0 waits 100ms, failures: 1
        +100ms
            11.1s fork 0.0 g1 = 102
        ",
    );
}

#[test]
fn a_respawned_worker_that_cannot_serve_is_tried_again_later() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        exit 100 code 1
            100 crashed, exit code 1 after 1s
            fork 0.0 g1 = 101
        failed 101 no database
        failed 101 still no database
        ready 101
        exit 101 code 1
            101 cannot serve: no database, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            1.1s fork 0.0 g1 = 102
        ready 102
            102 ready in 0ns
        ",
    );
}

#[test]
fn a_fork_that_fails_is_a_failure() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        forks fail
        exit 100 code 1
            100 crashed, exit code 1 after 1s
            fork 0.0 g1
            no fork of 0.0 g1: no memory
            0.0 waits 100ms, failures: 1
        +300ms
            1.1s fork 0.0 g1
            1.1s no fork of 0.0 g1: no memory
            1.1s 0.0 waits 200ms, failures: 2
            1.3s fork 0.0 g1
            1.3s no fork of 0.0 g1: no memory
            1.3s 0.0 waits 400ms, failures: 3
        forks work
        +400ms
            1.7s fork 0.0 g1 = 101
        ",
    );
}

#[test]
fn strangers_are_ignored() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready 7
        failed 7 who am I
        exit 7 code 0
        ready 100
            100 ready in 0ns
            started
        ready 100
        failed 100 after all
        exit 100 code 0
            100 finished, exit code 0 after 0ns
            0.0 waits 100ms, failures: 1
        exit 100 code 0
        ",
    );
}

#[test]
fn delays_have_a_jitter_of_ten_percent() {
    let settings = Settings::default();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let mut jitter = Jitter::new(seed);
        let mut back_off = BackOff::default();
        for doublings in 0..12 {
            let delay = back_off.failed(false, &settings, &mut jitter);
            let plain = (settings.first_delay * (1 << doublings)).min(settings.max_delay);
            assert!(plain * 9 / 10 <= delay && delay <= plain * 11 / 10, "{delay:?}");
            assert!(delay <= settings.max_delay);
            seen.insert(delay);
        }
    }
    assert!(500 < seen.len(), "only {} different ones", seen.len());
}
