//! Random programs in a simulated world, which checks the invariants after every step.

use proptest::prelude::*;

use super::*;
use crate::supervisor::world::plan::{
    Change, GRACEFUL, Plan, Step, WINDOW, ending, patient, server,
};
use crate::supervisor::world::{ORIGIN, World};

fn any_server() -> impl Strategy<Value = ServerSettings> {
    let any_server = prop::collection::vec(any::<u32>(), 20).prop_map(|choices| {
        let mut choices = choices.into_iter();
        server(|below| choices.next().map_or(0, |choice| choice % below))
    });
    prop_oneof![1 => (0..6_u32).prop_map(patient), 2 => any_server]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Nothing),
        (any::<usize>(), any_server()).prop_map(|(pick, server)| Change::Other(pick, server)),
        any_server().prop_map(Change::New),
        any::<usize>().prop_map(Change::Gone),
    ]
}

fn plan(commands: BoxedStrategy<Command>) -> impl Strategy<Value = Plan> {
    let pick = any::<usize>();
    let load = (0..3_u32, 0..500_u32);
    let load = load.prop_map(|(queued, busy_percent)| Load { queued, busy_percent });
    let step = prop_oneof![
        8 => (0..3000_u64).prop_map(Step::Pass),
        1 => (0..40_000_u64).prop_map(Step::Pass),
        18 => pick.prop_map(Step::Ready),
        2 => pick.prop_map(Step::Fail),
        1 => pick.prop_map(Step::Misconfigured),
        4 => (pick, pick).prop_map(|(pick, kind)| Step::Exit(pick, ending(kind))),
        2 => pick.prop_map(Step::Hang),
        3 => pick.prop_map(Step::Due),
        1 => load.prop_map(Step::Load),
        2 => prop::bool::weighted(0.3).prop_map(Step::ForksFail),
        4 => commands.clone().prop_map(Step::Command),
        2 => (commands.clone(), commands).prop_map(|(one, two)| Step::Commands(one, two)),
        1 => (pick, any_server()).prop_map(|(pick, server)| Step::Configure(pick, server)),
        1 => change().prop_map(Step::Upgrade),
        1 => Just(Step::HandOver),
        1 => Just(Step::RollBack),
        1 => (0..20_000_u64).prop_map(Step::Late),
        1 => (0..100_000_u64).prop_map(Step::Standstill),
        1 => Just(Step::Strangers),
    ];
    let manners = prop::collection::vec(prop::option::weighted(0.8, 0..5000_u64), 1..8);
    let steps = prop::collection::vec(step, 0..80);
    let servers = prop::collection::vec(any_server(), 1..4);
    (servers, prop::bool::weighted(0.8), steps, manners)
        .prop_map(|(servers, started, steps, manners)| Plan { servers, started, steps, manners })
}

fn replacements() -> BoxedStrategy<Command> {
    let some = prop::collection::vec(0..4_usize, 0..3).prop_map(Command::ReloadOnly);
    prop_oneof![2 => Just(Command::Reload), 2 => some, 1 => Just(Command::Restart)].boxed()
}

fn changes() -> BoxedStrategy<Command> {
    let to = prop_oneof![(-3..4).prop_map(Scale::By), (0..8_u32).prop_map(Scale::To)];
    let server = prop::option::of(0..3_usize);
    let scale = (server, to).prop_map(|(server, to)| Command::Scale { server, to });
    prop_oneof![1 => replacements(), 1 => scale].boxed()
}

fn commands() -> BoxedStrategy<Command> {
    let stops = prop_oneof![Just(Stop::Graceful), Just(Stop::Now)].prop_map(Command::Stop);
    prop_oneof![6 => changes(), 1 => stops].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_can_be_stopped(plan in plan(commands())) {
        let mut world = World::play(&plan);
        world.command(Command::Stop(Stop::Now));
        world.pass(Time::from_secs(60));
        prop_assert!(world.finished, "still there: {:?}", world.processes);
        // Nothing follows.
        world.command(Command::Reload);
        world.command(Command::Stop(Stop::Now));
        world.pass(Time::from_secs(60));
        prop_assert_eq!(world.supervisor.poll_timeout(), None);
    }

    #[test]
    fn a_graceful_stop_ends_in_time(plan in plan(changes())) {
        let mut world = World::play(&plan);
        world.command(Command::Stop(Stop::Graceful));
        world.pass(GRACEFUL);
        prop_assert!(world.finished, "still there: {:?}", world.processes);
    }

    #[test]
    fn once_all_goes_well_a_reload_succeeds(plan in plan(changes())) {
        let mut world = World::play(&plan);
        world.calm_down();
        world.pass(Time::from_secs(60));
        if !world.stopping {
            world.command(Command::Reload);
            world.pass(WINDOW + Time::from_secs(120));
            prop_assert!(world.witness.last_reload_succeeded());
            world.check_whole();
        }
    }

    /// Without jitter, which begins anew, and without vitals, which are looked at soon after it.
    #[test]
    fn a_supervisor_goes_on_as_the_one_before_would_have(plan in plan(changes())) {
        let settings = Settings { jitter_percent: 0, ..Settings::default() };
        let servers: Vec<_> = plan.servers.iter().map(|server| patient(server.workers)).collect();
        let mut one = World::new(settings, &servers, plan.manners);
        let mut many = one.clone();
        let brings_vitals = |step: &Step| matches!(step, Step::Configure(..) | Step::Upgrade(_));
        let passes_unseen = |step: &Step| matches!(step, Step::Late(_) | Step::Standstill(_));
        for step in plan.steps {
            if !brings_vitals(&step) && !passes_unseen(&step) {
                one.step(step.clone());
                many.step(step);
                many.hand_over();
            }
        }
        let shown = |world: &World| -> Vec<_> {
            world.done.iter().map(|(at, action)| format!("{at:?} {}", Shown(action))).collect()
        };
        prop_assert_eq!(shown(&one), shown(&many));
    }

    #[test]
    fn the_same_events_give_the_same_actions(plan in plan(commands())) {
        prop_assert_eq!(World::play(&plan).done, World::play(&plan).done);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// P31.
    #[test]
    fn two_hundred_replacements_in_two_seconds_end_with_one_worker_per_slot(
        commands in prop::collection::vec(replacements(), 200),
        manners in prop::collection::vec(prop::option::weighted(0.9, 0..100_u64), 1..8),
        ready_after in 0..200_u64,
    ) {
        let mut world = World::new(Settings::default(), &[patient(4), patient(1)], manners);
        world.ready_after = Some(Time::from_millis(ready_after));
        world.pass(Time::from_secs(2));
        for command in commands {
            world.command(command);
            world.pass(Time::from_millis(10));
            // One that serves or starts, one that is told to stop, and those that drain.
            let most = 5 * (2 + 5);
            prop_assert!(world.processes.len() <= most, "{:?}", world.processes);
        }
        world.pass(Time::from_secs(60));
        world.check_whole();
        prop_assert_eq!(world.processes.len(), 5);
    }

    /// P46, with jitter, forks that fail, and lives of any length that is not a stable one.
    #[test]
    fn a_crash_loop_is_at_most_ten_forks_in_ten_seconds(
        lives in prop::collection::vec((prop::option::of(0..500_u64), 0..500_u64), 1..20),
        max_restarts in prop::option::of(0..2000_u32),
        seed in any::<u64>(),
    ) {
        let server = ServerSettings { max_restarts, ..patient(1) };
        let settings = Settings { seed, ..Settings::default() };
        let mut world = World::new(settings, &[server], vec![None]);
        // The start is over, or it would be given up.
        world.ready(0);
        for (ready, life) in lives.iter().cycle().take(100) {
            if let Some(ready) = ready {
                world.pass(Time::from_millis(*ready));
                world.ready(0);
            }
            world.pass(Time::from_millis(*life));
            world.crash(0, ExitStatus::Signal(11).into());
            if world.finished {
                break;
            }
            world.pass_until_fork();
        }
        let early = world.witness.forks_before(ORIGIN + Time::from_secs(10));
        prop_assert!(early <= 10, "{early} forks");
    }
}
