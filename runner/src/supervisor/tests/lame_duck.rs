//! Graceful stops that begin with some time of service.

use super::*;

#[test]
fn a_lame_duck_serves_for_its_time_then_drains() {
    check(
        "
        server 1 lame=5s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            lame duck 100
        workers
            0.0 g1 100 LameDuck
        +60s
            5s drain 100
            26s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 60s
            stopped
            finish 0
        ",
    );
}

#[test]
fn only_workers_that_serve_are_lame_ducks() {
    check(
        "
        server 2 lame=5s
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready 100
            100 ready in 0ns
        stop
            lame duck 100
            stop 101
        exit 101 code 0
            101 asked, exit code 0 after 0ns
        ",
    );
}

#[test]
fn servers_without_lame_ducks_drain_at_once() {
    let mut stage = Stage::default();
    stage.begin(&[server("1"), server("1 lame=5s")]);
    ["ready all", "stop", "stop", "stop"].iter().for_each(|line| stage.play(line));
    let told: Vec<_> = stage.seen.lines().filter(|line| line.ends_with(['0', '1'])).collect();
    let expected = ["drain 100", "lame duck 101", "drain 101", "stop 100", "stop 101"];
    assert_eq!(told[2..], expected.map(|line| format!("    {line}")));
}

#[test]
fn a_second_stop_makes_it_drain_and_a_third_one_stop() {
    check(
        "
        server 1 lame=5s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            lame duck 100
        +1s
        stop
            drain 100
        +1s
        stop
            stop 100
        +60s
            5s kill 100
        ",
    );
}

/// It is not lost on lame ducks that are none any more.
#[test]
fn a_second_stop_while_all_drain_makes_them_stop() {
    check(
        "
        server 1 lame=5s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            lame duck 100
        +5s
            5s drain 100
        stop
            stop 100
        ",
    );
}

#[test]
fn a_stop_now_does_not_wait() {
    check(
        "
        server 1 lame=5s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            lame duck 100
        stop now
            stop 100
        +60s
            3s kill 100
        ",
    );
}

#[test]
fn a_reload_has_no_lame_duck() {
    check(
        "
        server 1 lame=5s
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
        stop
            lame duck 101
        exit 101 code 0
            101 asked, exit code 0 after 0ns
        exit 100 code 0
            100 asked, exit code 0 after 0ns
            stopped
            finish 0
        ",
    );
}

#[test]
fn new_connections_go_to_lame_ducks() {
    let mut stage = Stage::default();
    for (line, serving) in [
        ("server 2 lame=5s", vec![]),
        ("ready all", vec![0, 1]),
        ("stop", vec![0, 1]),
        ("exit 101 code 0", vec![0]),
        ("+5s", vec![]),
    ] {
        stage.play(line);
        assert_eq!(stage.supervisor().serving(0), serving, "{line}");
    }
}
