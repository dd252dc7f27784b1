//! The command line.

use crate::measure::Scenario;
use crate::peer::{Happening, Peer};
use crate::trial::Trial;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::time::Duration;

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) task: Task,
    /// How long one measurement lasts.
    pub(crate) duration: Duration,
    pub(crate) rounds: u32,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) happenings: Vec<Happening>,
    /// How many reloads, kills, starts, requests or hung workers of each kind.
    pub(crate) count: u32,
    /// Between two kills: long enough that no supervisor takes them for a crash loop.
    pub(crate) pause: Duration,
    /// The memory of the master, in MiB.
    pub(crate) mib: u32,
    /// How workers are made: `fork`, `exec`.
    pub(crate) spawn: Vec<String>,
    pub(crate) json: bool,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Throughput, CPU, latency and memory under each scenario.
    Measure,
    /// Requests that are lost while the workers are replaced.
    Loss,
    /// The two ways in which workers share an address.
    Accept,
    /// The time from the death of a worker to its successor's first answer.
    Respawn,
    /// One of a runner program alone.
    Trial(Trial),
}

/// The options of this process; wrong ones end it with a message.
pub(crate) fn parse() -> Options {
    options(&command().get_matches())
}

fn command() -> Command {
    let number = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).value_parser(value_parser!(u32).range(1..=3600))
    };
    Command::new("compare")
        .about("Measures a runner program against plain hyper, nginx and HAProxy in one run")
        .arg(
            number("seconds", "Length [default: 4; accept: 2; loss: 5; crash-loop: 10; hang: 30]")
                .global(true),
        )
        .arg(
            number("rounds", "Rounds over everything that is compared")
                .global(true)
                .default_value("3"),
        )
        .arg(
            Arg::new("scenario")
                .long("scenario")
                .help("Only this scenario; may be repeated")
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(Scenario::ALL.map(Scenario::name))),
        )
        .arg(
            Arg::new("peer")
                .long("peer")
                .help("Only this peer; may be repeated")
                .global(true)
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(Peer::ALL.map(Peer::name))),
        )
        .arg(
            Arg::new("quick")
                .long("quick")
                .help("One round of one second each: does it run at all?")
                .action(ArgAction::SetTrue),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .help("Print JSON instead of a table")
                .global(true)
                .action(ArgAction::SetTrue),
        )
        .subcommand(
            Command::new("loss")
                .about("Counts the requests that are lost while the workers are replaced")
                .arg(number("count", "How often they are, in one run").default_value("20"))
                .arg(
                    Arg::new("event")
                        .long("event")
                        .help("Only by this; may be repeated")
                        .action(ArgAction::Append)
                        .value_parser(PossibleValuesParser::new(
                            Happening::ALL.map(Happening::name),
                        )),
                ),
        )
        .subcommand(
            Command::new("accept")
                .about("Compares the two ways in which workers can share an address"),
        )
        .subcommand(
            Command::new("restart-one")
                .about(
                    "Counts the requests that are lost while one worker after another is replaced",
                )
                .arg(
                    Arg::new("count")
                        .long("count")
                        .help("Requests, a connection each")
                        .value_parser(value_parser!(u32).range(1..))
                        .default_value("40000"),
                ),
        )
        .subcommand(
            Command::new("respawn")
                .about("Times the successor of a worker that was killed")
                .arg(number("count", "Kills").default_value("30"))
                .arg(pause()),
        )
        .subcommand(
            Command::new("kills")
                .about(
                    "Kills workers under load and looks at what the others and the master notice",
                )
                .arg(number("count", "Kills").default_value("1000")),
        )
        .subcommand(
            Command::new("crash-loop")
                .about("Counts the forks for a server whose workers abort, and what they cost"),
        )
        .subcommand(
            Command::new("start")
                .about("Times the start of 64 workers and measures the memory of each")
                .arg(number("count", "Starts").default_value("10"))
                .arg(
                    Arg::new("spawn")
                        .long("spawn")
                        .help("Only workers made in this way; may be repeated")
                        .action(ArgAction::Append)
                        .value_parser(["fork", "exec"])
                        .default_values(["fork", "exec"]),
                ),
        )
        .subcommand(
            Command::new("heap")
                .about("Times respawns by a master that has much memory")
                .arg(number("count", "Kills").default_value("10"))
                .arg(number("mib", "Memory of the master in MiB").default_value("1024"))
                .arg(pause()),
        )
        .subcommand(
            Command::new("hang")
                .about(
                    "Times the replacement of workers that hang, and stops everything for a while",
                )
                .arg(number("count", "Workers of each kind").default_value("3")),
        )
}

fn pause() -> Arg {
    Arg::new("pause")
        .long("pause")
        .help("Milliseconds between two kills")
        .value_parser(value_parser!(u64).range(0..=60_000))
        .default_value("1100")
}

fn options(matches: &ArgMatches) -> Options {
    let (task, sub) = match matches.subcommand() {
        Some(("loss", sub)) => (Task::Loss, sub),
        Some(("accept", sub)) => (Task::Accept, sub),
        Some(("restart-one", sub)) => (Task::Trial(Trial::RestartOne), sub),
        Some(("respawn", sub)) => (Task::Respawn, sub),
        Some(("kills", sub)) => (Task::Trial(Trial::Kills), sub),
        Some(("crash-loop", sub)) => (Task::Trial(Trial::CrashLoop), sub),
        Some(("start", sub)) => (Task::Trial(Trial::Start), sub),
        Some(("heap", sub)) => (Task::Trial(Trial::Heap), sub),
        Some(("hang", sub)) => (Task::Trial(Trial::Hang), sub),
        _ => (Task::Measure, matches),
    };
    let quick = matches.get_flag("quick");
    let default_seconds = match task {
        _ if quick => 1,
        Task::Accept => 2,
        Task::Loss => 5,
        Task::Trial(Trial::CrashLoop) => 10,
        Task::Trial(Trial::Hang) => 30,
        _ => 4,
    };
    let seconds: u32 = sub.get_one("seconds").copied().unwrap_or(default_seconds);
    let rounds = sub.get_one("rounds").copied().unwrap_or(1);
    let millis = sub.try_get_one("pause").ok().flatten().copied().unwrap_or(0);
    let spawn = sub.try_get_many::<String>("spawn").ok().flatten();
    Options {
        task,
        duration: Duration::from_secs(u64::from(seconds)),
        rounds: if quick { 1 } else { rounds },
        scenarios: chosen(matches, "scenario", &Scenario::ALL, Scenario::name),
        peers: chosen(sub, "peer", &Peer::ALL, Peer::name),
        happenings: chosen(sub, "event", &Happening::ALL, Happening::name),
        count: sub.try_get_one("count").ok().flatten().copied().unwrap_or(0),
        pause: Duration::from_millis(millis),
        mib: sub.try_get_one("mib").ok().flatten().copied().unwrap_or(0),
        spawn: spawn.map_or_else(Vec::new, |named| named.cloned().collect()),
        json: sub.get_flag("json"),
    }
}

/// The members of `all` that were named, or all of them when none was.
fn chosen<T: Copy>(
    matches: &ArgMatches,
    flag: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Vec<T> {
    let Some(named) = matches.try_get_many::<String>(flag).ok().flatten() else {
        return all.to_vec();
    };
    let named: Vec<_> = named.collect();
    all.iter().copied().filter(|item| named.iter().any(|text| *text == name(*item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str) -> Options {
        let words = std::iter::once("compare").chain(line.split_whitespace());
        options(&command().try_get_matches_from(words).expect("the line parses"))
    }

    #[test]
    fn without_flags_everything_is_measured() {
        let options = check("");
        assert_eq!(options.task, Task::Measure);
        assert_eq!((options.duration, options.rounds), (Duration::from_secs(4), 3));
        assert_eq!(options.scenarios, Scenario::ALL);
        assert_eq!(options.peers, Peer::ALL);
    }

    #[test]
    fn flags_narrow_the_run() {
        let options = check("--quick --scenario pipelined --peer nginx --peer runner --json");
        assert_eq!((options.duration, options.rounds), (Duration::from_secs(1), 1));
        assert_eq!(options.scenarios, [Scenario::Pipelined]);
        assert_eq!(options.peers, [Peer::Runner, Peer::Nginx]);
        assert!(options.json);
    }

    #[test]
    fn subcommands_have_their_own_defaults() {
        let loss = check("loss --peer runner --event reload");
        assert_eq!((loss.task, loss.count), (Task::Loss, 20));
        assert_eq!(loss.duration, Duration::from_secs(5));
        assert_eq!(loss.peers, [Peer::Runner]);
        assert_eq!(loss.happenings, [Happening::Reload]);
        assert_eq!(check("loss").happenings, Happening::ALL);
        let accept = check("accept --rounds 1");
        assert_eq!((accept.task, accept.rounds), (Task::Accept, 1));
        assert_eq!(accept.duration, Duration::from_secs(2));
        let respawn = check("respawn --count 5 --pause 20");
        assert_eq!((respawn.task, respawn.count), (Task::Respawn, 5));
        assert_eq!(respawn.pause, Duration::from_millis(20));
    }

    #[test]
    fn trials_have_their_own_defaults() {
        let kills = check("kills");
        assert_eq!((kills.task, kills.count), (Task::Trial(Trial::Kills), 1000));
        let restart_one = check("restart-one");
        assert_eq!((restart_one.task, restart_one.count), (Task::Trial(Trial::RestartOne), 40_000));
        assert_eq!(check("crash-loop").duration, Duration::from_secs(10));
        assert_eq!(check("hang").duration, Duration::from_secs(30));
        assert_eq!(check("start").spawn, ["fork", "exec"]);
        assert_eq!(check("start --spawn exec").spawn, ["exec"]);
        assert_eq!(check("heap").mib, 1024);
    }

    #[test]
    fn an_unknown_peer_is_refused() {
        assert!(command().try_get_matches_from(["compare", "--peer", "apache"]).is_err());
    }
}
