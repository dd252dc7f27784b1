//! More and fewer workers.

use super::*;

#[test]
fn a_worker_more_and_a_worker_fewer() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        scale +1
            0 scaled 1 to 2
            fork 0.1 g1 = 101
        ready all
            101 ready in 0ns
        scale -1
            0 scaled 2 to 1
        +100ms
            100ms drain 101
        exit 101 code 0
            101 asked, exit code 0 after 100ms
        workers
            0.0 g1 100 Ready
        ",
    );
}

#[test]
fn it_stays_within_its_bounds() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        scale -1
        scale 3
            0 scaled 1 to 3
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ",
    );
}

/// P39.
#[test]
fn the_number_survives_reloads_and_restarts() {
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
        exit 100 code 0
            100 asked, exit code 0 after 0ns
        exit 101 code 0
            101 asked, exit code 0 after 0ns
        restart
            stop 102
            stop 103
        exit all code 0
            102 asked, exit code 0 after 0ns
            fork 0.0 g3 = 104
            103 asked, exit code 0 after 0ns
            fork 0.1 g3 = 105
        ready all
            104 ready in 0ns
            105 ready in 0ns
        workers
            0.0 g3 104 Ready
            0.1 g3 105 Ready
        ",
    );
}

#[test]
fn a_worker_that_starts_is_stopped_when_it_is_not_wanted_any_more() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        scale 3
            0 scaled 1 to 3
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        scale 1
            0 scaled 3 to 1
            stop 101
            stop 102
        exit 101 code 0
            101 asked, exit code 0 after 0ns
        exit 102 code 0
            102 asked, exit code 0 after 0ns
        ",
    );
}

/// Before it was told.
#[test]
fn a_worker_that_was_to_go_may_stay() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        scale 1
            0 scaled 2 to 1
        scale 2
            0 scaled 1 to 2
        +1s
        workers
            0.0 g1 100 Ready
            0.1 g1 101 Ready
        ",
    );
}

#[test]
fn a_slot_is_filled_again_while_its_last_worker_drains() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        scale 1
            0 scaled 2 to 1
        +100ms
            100ms drain 101
        scale 2
            0 scaled 1 to 2
            fork 0.1 g1 = 102
        ready all
            102 ready in 0ns
        exit 101 code 0
            101 asked, exit code 0 after 100ms
        ",
    );
}

/// Slot 0 is down: the surplus stays until it is back.
#[test]
fn scaling_down_takes_none_of_those_that_are_needed() {
    check(
        "
        server 3
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        scale 2
            0 scaled 3 to 2
        +100ms
            100ms fork 0.0 g1 = 103
        ready 103
            103 ready in 0ns
        +100ms
            200ms drain 102
        ",
    );
}

#[test]
fn scaling_in_a_reload() {
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
        scale 3
            0 scaled 2 to 3
            fork 0.2 g2 = 103
        ready all
            102 ready in 0ns
            drain 100
            fork 0.1 g2 = 104
            103 ready in 0ns
        scale 1
            0 scaled 3 to 1
            stop 104
            reloaded g2
        ready all
        +100ms
            100ms drain 101
            100ms drain 103
        exit 100 code 0
            100 asked, exit code 0 after 100ms
        exit 101 code 0
            101 asked, exit code 0 after 100ms
        workers
            0.0 g2 102 Ready
            0.1 g2 104 Stopping
            0.2 g2 103 Draining
        ",
    );
}

#[test]
fn scaling_while_it_stops_is_ignored() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            drain 100
        scale +1
            ignored Scale { server: None, to: By(1) }
        ",
    );
}

#[test]
fn load_makes_it_grow_fast_and_shrink_slowly() {
    check(
        "
        server 2 range=2..5
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
            1s load of 0?
        load 0 1 0
        +1s
            2s load of 0?
        load 0 1 0
            0 scaled 2 to 3 by load
            fork 0.2 g1 = 102
        +1s
            3s load of 0?
        load 0 9 0
        ready all
            102 ready in 1s
        +1s
            4s load of 0?
        load 0 0 225
        +1s
            5s load of 0?
        load 0 0 225
            0 scaled 3 to 4 by load
            fork 0.3 g1 = 103
        ready all
            103 ready in 0ns
        +1s
            6s load of 0?
        load 0 9 400
        +1s
            7s load of 0?
        load 0 9 400
            0 scaled 4 to 5 by load
            fork 0.4 g1 = 104
        ready all
            104 ready in 0ns
        ",
    );
}

#[test]
fn it_shrinks_by_one_after_half_a_minute_of_idleness() {
    let mut script = "
        server 3 range=1..3
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
    "
    .to_owned();
    for second in 1..=30 {
        script += &format!(
            "
        +1s
            {second}s load of 0?
        load 0 0 79
            "
        );
    }
    script += "
            0 scaled 3 to 2 by load
        +100ms
            30.1s drain 102
    ";
    check(&script);
}

#[test]
fn a_slot_that_is_wanted_again_does_not_wait() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        exit 101 code 1
            101 crashed, exit code 1 after 0ns
            0.1 waits 100ms, failures: 1
        scale 1
            0 scaled 2 to 1
        scale 2
            0 scaled 1 to 2
            fork 0.1 g1 = 102
        ",
    );
}
