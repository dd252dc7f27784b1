//! Programs that go on again, after those that they were upgraded to have failed.

use super::check;

/// The budget is kept, and only what the other program has forked goes.
#[test]
fn a_roll_back_replaces_the_workers_of_the_program_that_has_failed() {
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
        +1s
        upgrade
        reload
            fork 0.0 g2 = 103
        ready 103
            103 ready in 0ns
            drain 100
            fork 0.1 g2 = 104
        ready 104
            104 ready in 0ns
            drain 101
            fork 0.2 g2 = 105
        +1s
        failed 105 no database
            no reload g2: 0.2 g2 no database
            stop 105
        exit 105 code 1
            105 cannot serve: no database, exit code 1 after 1s
        upgrade
        roll back 2
            103 has reached roll-back
            104 has reached roll-back
            fork 0.0 g1 = 106
        ready 106
            106 ready in 0ns
            drain 103
            fork 0.1 g1 = 107
        ready 107
            107 ready in 0ns
            drain 104
        exit 103 code 0
            103 recycled: roll-back, exit code 0 after 1s
        ",
    );
}

#[test]
fn a_roll_back_fills_what_is_vacant_with_a_generation_from_before() {
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
        upgrade
        reload
            fork 0.0 g2 = 101
        failed 101 no database
        exit 101 code 1
            101 cannot serve: no database, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
            no reload g2: 0.0 g2 no database
        upgrade
        roll back 2
            fork 0.0 g1 = 102
        ",
    );
}

#[test]
fn a_roll_back_stops_what_starts_of_the_program_that_has_failed() {
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
        upgrade
        reload
            fork 0.0 g2 = 101
        exit 101 code 1
            101 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
            no reload g2: 0.0 g2 ended with exit code 1 before it was ready
        +100ms
            100ms fork 0.0 g2 = 102
        upgrade
        roll back 2
            stop 102
        exit 102 code 0
            102 asked, exit code 0 after 0ns
            fork 0.0 g1 = 103
        ",
    );
}

#[test]
fn a_roll_back_dismisses_the_servers_that_are_not_of_this_program() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        upgrade same, 1
        reload
            fork 0.0 g2 = 101
            fork 1.0 g2 = 102
        ready 102
            102 ready in 0ns
        failed 101 no database
            no reload g2: 0.0 g2 no database
            stop 101
        exit 101 code 1
            101 cannot serve: no database, exit code 1 after 0ns
        upgrade same, gone
        roll back 2
            102 has reached roll-back
            1 scaled 1 to 0
        +100ms
            100ms drain 102
        ",
    );
}
