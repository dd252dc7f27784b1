//! Heartbeats, pauses of the machine, and exits of each class.

use super::*;

/// P52.
#[test]
fn a_worker_that_gives_no_sign_of_life_is_aborted_then_killed() {
    check(
        "
        server 2 heartbeat=10s
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +10s
            10s heartbeat of 100?
            10s heartbeat of 101?
        heartbeat 100 10s
        heartbeat 101 1s
        +100ms
            10.1s heartbeat of 100?
        heartbeat 100 10100ms
            abort 100
            100 is silent for 10.1s
        +500ms
            10.6s kill 100
        exit 100 sig 9
            100 hung, signal 9 after 10.6s
            fork 0.0 g1 = 102
        ready 102
            102 ready in 0ns
        ",
    );
}

#[test]
fn a_worker_that_stirs_after_all_is_left_alone() {
    check(
        "
        server 1 heartbeat=10s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +10s
            10s heartbeat of 100?
        heartbeat 100 10s
        +100ms
            10.1s heartbeat of 100?
        heartbeat 100 50ms
        +9s
        +950ms
            20.05s heartbeat of 100?
        heartbeat 100 0s
        ",
    );
}

/// What a worker says of itself is not trusted.
#[test]
fn a_moment_in_the_future_is_no_excuse() {
    check(
        "
        server 1 heartbeat=10s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +10s
            10s heartbeat of 100?
        heartbeat 100 in 60s
        +10s
            20s heartbeat of 100?
        heartbeat 100 9s
        +1s
            21s heartbeat of 100?
        heartbeat 100 10s
        +100ms
            21.1s heartbeat of 100?
        heartbeat 100 10100ms
            abort 100
            100 is silent for 10.1s
        ",
    );
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_again() {
    check(
        "
        server 1 heartbeat=10s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +10s
            10s heartbeat of 100?
        +250ms
            10.1s heartbeat of 100?
            10.2s heartbeat of 100?
        ",
    );
}

/// P50: a long start and a long drain have their own deadlines.
#[test]
fn only_a_worker_that_serves_is_listened_to() {
    check(
        "
        server 1 heartbeat=12s
            fork 0.0 g1 = 100
        +9s
        ready all
            100 ready in 9s
            started
        reload
            fork 0.0 g2 = 101
        +9s
        ready all
            101 ready in 9s
            drain 100
            reloaded g2
        +11s
        stop
            drain 101
        +19s
            39s kill 100
        ",
    );
}

/// The machine was suspended, or the master stopped, and maybe its workers as well.
#[test]
fn a_pause_of_the_master_kills_nobody() {
    check(
        "
        server 2 heartbeat=10s
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
        late 40s
            paused for 31s
        +8s
        +1s
        heartbeat 100 9s
        heartbeat 101 9s
        ",
    );
}

#[test]
fn silence_in_a_pause_does_not_count() {
    check(
        "
        server 1 heartbeat=10s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        late 40s
            paused for 31s
        +10s
            51s heartbeat of 100?
        heartbeat 100 51s
        +100ms
            51.1s heartbeat of 100?
        heartbeat 100 51100ms
            abort 100
            100 is silent for 10.1s
        ",
    );
}

#[test]
fn a_pause_moves_the_deadlines_of_starts_and_drains() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
            fork 0.0 g2 = 101
        late 60s
            paused for 50s
        +9s
        ready all
            101 ready in 69s
            drain 100
            reloaded g2
        late 60s
            paused for 39s
        +20s
        exit 100 code 0
            100 asked, exit code 0 after 149s
        ",
    );
}

#[test]
fn a_pause_in_the_start_does_not_end_it() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        late 60s
            paused for 50s
        +9s
        ready all
            100 ready in 69s
            started
        ",
    );
}

#[test]
fn a_little_lateness_is_no_pause() {
    check(
        "
        server 1 heartbeat=10s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        late 10900ms
            heartbeat of 100?
        ",
    );
}

#[test]
fn a_hung_worker_that_had_served_is_replaced_at_once() {
    check(
        "
        server 1 heartbeat=2s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +2s
            2s heartbeat of 100?
        +100ms
            2.1s heartbeat of 100?
        heartbeat 100 2100ms
        +100ms
            2.2s heartbeat of 100?
        heartbeat 100 2200ms
            abort 100
            100 is silent for 2.2s
        exit 100 sig 6
            100 hung, signal 6 after 2.2s
            fork 0.0 g1 = 101
        ",
    );
}

#[test]
fn a_worker_that_the_kernel_killed_for_memory_says_so() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        exit 100 oom
            100 out of memory, signal 9 after 1s
            fork 0.0 g1 = 101
        ",
    );
}

#[test]
fn a_worker_that_is_killed_after_it_was_told_to_leave_is_no_failure() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        stop
            drain 100
        exit 100 oom
            100 asked, signal 9 after 1s
            stopped
            finish 0
        ",
    );
}
