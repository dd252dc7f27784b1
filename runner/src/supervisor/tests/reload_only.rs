//! Reloads of some servers.

use super::*;

const TWO_SERVERS: &str = "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
";

#[test]
fn the_workers_of_the_other_servers_stay() {
    check_two(
        "
        reload 1
            fork 1.0 g2 = 102
        ready all
            102 ready in 0ns
            drain 101
            reloaded g2
        exit 101 code 0
            101 asked, exit code 0 after 0ns
        workers
            0.0 g1 100 Ready
            1.0 g2 102 Ready
        ",
    );
}

#[test]
fn each_server_is_filled_with_its_own_generation() {
    check_two(
        "
        +1s
        reload 1
            fork 1.0 g2 = 102
        exit 100 sig 11
            100 crashed, signal 11 after 1s
            fork 0.0 g1 = 103
        ready all
            103 ready in 0ns
            102 ready in 0ns
            drain 101
            reloaded g2
        +1s
        exit 102 sig 11
            102 crashed, signal 11 after 1s
            fork 1.0 g2 = 104
        ",
    );
}

/// The numbers go on over all servers.
#[test]
fn a_failure_gives_back_the_generation_that_each_server_had() {
    check_two(
        "
        +1s
        reload 1
            fork 1.0 g2 = 102
        ready all
            102 ready in 0ns
            drain 101
            reloaded g2
        exit 101 code 0
            101 asked, exit code 0 after 1s
        +1s
        reload
            fork 0.0 g3 = 103
            fork 1.0 g3 = 104
        failed 103 no database
            no reload g3: 0.0 g3 no database
            stop 103
            stop 104
        exit 104 code 0
            104 asked, exit code 0 after 0ns
        exit 103 code 1
            103 cannot serve: no database, exit code 1 after 0ns
        exit 100 sig 11
            100 crashed, signal 11 after 2s
            fork 0.0 g1 = 105
        exit 102 sig 11
            102 crashed, signal 11 after 1s
            fork 1.0 g2 = 106
        reload 0
            stop 105
        exit 105 code 0
            105 asked, exit code 0 after 0ns
            fork 0.0 g4 = 107
        ",
    );
}

#[test]
fn what_fails_elsewhere_is_no_failure_of_the_reload() {
    check_two(
        "
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        +100ms
            100ms fork 0.0 g1 = 102
        reload 1
            fork 1.0 g2 = 103
        failed 102 no database
        exit 102 code 1
            102 cannot serve: no database, exit code 1 after 0ns
            0.0 waits 200ms, failures: 2
        ready 103
            103 ready in 0ns
            drain 101
            reloaded g2
        ",
    );
}

/// What has changed for the servers of the older one is still to come.
#[test]
fn a_reload_of_others_takes_over_the_servers_of_the_one_in_progress() {
    check_two(
        "
        reload 0
            fork 0.0 g2 = 102
        reload 1
            no reload g2: Superseded { by: 3 }
            stop 102
            fork 1.0 g3 = 103
        exit 102 code 0
            102 asked, exit code 0 after 0ns
            fork 0.0 g3 = 104
        ready 103
            103 ready in 0ns
            drain 101
        ready 104
            104 ready in 0ns
            drain 100
            reloaded g3
        ",
    );
}

#[test]
fn when_both_have_failed_every_server_has_what_it_had_before() {
    check_two(
        "
        +1s
        reload 0
            fork 0.0 g2 = 102
        reload 1
            no reload g2: Superseded { by: 3 }
            stop 102
            fork 1.0 g3 = 103
        failed 103 no database
            no reload g3: 1.0 g3 no database
            stop 103
        exit 102 code 0
            102 asked, exit code 0 after 0ns
        exit 103 code 1
            103 cannot serve: no database, exit code 1 after 0ns
        exit 100 sig 11
            100 crashed, signal 11 after 1s
            fork 0.0 g1 = 104
        exit 101 sig 11
            101 crashed, signal 11 after 1s
            fork 1.0 g1 = 105
        ",
    );
}

#[test]
fn a_restart_supersedes_it_everywhere() {
    check_two(
        "
        reload 1
            fork 1.0 g2 = 102
        restart
            no reload g2: Superseded { by: 3 }
            stop 100
            stop 101
            stop 102
        exit all code 0
            100 asked, exit code 0 after 0ns
            fork 0.0 g3 = 103
            101 asked, exit code 0 after 0ns
            102 asked, exit code 0 after 0ns
            fork 1.0 g3 = 104
        ",
    );
}

#[test]
fn a_reload_of_no_server_is_none() {
    check_two(
        "
        reload 7
        reload 0
            fork 0.0 g2 = 102
        reload 7
        ready 102
            102 ready in 0ns
            drain 100
            reloaded g2
        ",
    );
}

#[test]
fn it_is_ignored_while_the_program_stops() {
    check_two(
        "
        stop
            drain 100
            drain 101
        reload 1
            ignored ReloadOnly([1])
        ",
    );
}

#[test]
fn the_highest_generation_is_that_of_the_program() {
    let mut stage = Stage::default();
    ["servers 1 1", "ready all", "reload 1"].iter().for_each(|line| stage.play(line));
    let generations = |stage: &mut Stage| {
        let supervisor = stage.supervisor();
        let each: Vec<_> = supervisor.status().map(|server| server.generation).collect();
        (supervisor.generation(), each)
    };
    assert_eq!(generations(&mut stage), (2, vec![1, 2]));
    stage.play("failed 102 no database");
    assert_eq!(generations(&mut stage), (1, vec![1, 1]));
}

#[track_caller]
fn check_two(script: &str) {
    check(&format!("{}{script}", TWO_SERVERS.trim_end()));
}
