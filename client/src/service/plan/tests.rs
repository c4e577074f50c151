use super::{Plan, install, uninstall};
use crate::service::{
    Facts, File, Serving, Starter,
    units::{Manager, State},
};
use claviger::{RELEASE, proto::v1::Version};

/// A machine without any step done.
fn fresh(manager: Manager) -> Facts {
    let file = |name: &str| File {
        path: format!("/u/{name}").into(),
        wanted: "text".into(),
        state: State::Absent,
        release: None,
    };
    Facts {
        manager,
        answers: true,
        domain: "gui/7".into(),
        program: "/b/clavigerd".into(),
        files: manager.templates().iter().map(|it| file(it.name)).collect(),
        packaged: Vec::new(),
        drop_ins: Vec::new(),
        enabled: false,
        enabled_here: false,
        active: false,
        needs_reload: false,
        failed: false,
        main_pid: None,
        serving: None,
        other_socket: None,
        directories: vec!["/s".into()],
    }
}

/// A machine on which [`install`] has been carried out.
fn settled(manager: Manager) -> Facts {
    let mut facts = fresh(manager);
    facts.files.iter_mut().for_each(|file| file.state = State::Current);
    Facts { enabled: true, enabled_here: manager == Manager::Systemd, active: true, ..facts }
}

fn served(mut facts: Facts, by: Starter, release: &str) -> Facts {
    facts.main_pid = (by == Starter::Manager).then_some(9);
    facts.serving =
        Some(Serving { pid: 9, version: Version { release: release.into(), ..Default::default() }, by });
    facts
}

fn with(mut facts: Facts, change: impl FnOnce(&mut Facts)) -> Facts {
    change(&mut facts);
    facts
}

fn told(plan: &Plan) -> Vec<String> {
    let short = |text: String| {
        text.replace("systemctl --user", "S").replace("clavigerd.so", "c.so").replace("clavigerd.se", "c.se")
    };
    plan.steps.iter().map(|step| short(step.words(true))).collect()
}

use Manager::{Launchd, Systemd};

#[test]
fn units_that_systemd_has_given_up_on_are_reset() {
    let failed = with(settled(Systemd), |facts| (facts.failed, facts.active) = (true, false));
    assert_eq!(
        told(&install(&failed, false)),
        ["ran S reset-failed c.socket c.service", "ran S start c.socket"]
    );
}

#[test]
fn installing_does_what_is_missing_and_no_more() {
    let table: Vec<(Facts, &[&str])> = vec![
        (
            fresh(Systemd),
            &[
                "wrote /u/c.socket",
                "wrote /u/c.service",
                "ran S daemon-reload",
                "ran S enable --now c.socket",
            ],
        ),
        (settled(Systemd), &[]),
        (served(settled(Systemd), Starter::Manager, RELEASE), &[]),
        // An on-demand daemon holds the socket.
        (
            served(fresh(Systemd), Starter::Client, RELEASE),
            &[
                "wrote /u/c.socket",
                "wrote /u/c.service",
                "ran S daemon-reload",
                "stopped clavigerd with pid 9",
                "ran S enable --now c.socket",
            ],
        ),
        // Enabled by hand, stopped by hand, not reloaded.
        (with(settled(Systemd), |it| it.enabled = false), &["ran S enable --now c.socket"]),
        (with(settled(Systemd), |it| it.active = false), &["ran S start c.socket"]),
        (with(settled(Systemd), |it| it.needs_reload = true), &["ran S daemon-reload"]),
        // Another release.
        (served(settled(Systemd), Starter::Manager, "0.0.1"), &["ran S try-restart c.service"]),
        (
            with(served(settled(Systemd), Starter::Manager, RELEASE), |it| {
                it.files[1].state = State::Outdated
            }),
            &["replaced /u/c.service", "ran S daemon-reload", "ran S try-restart c.service"],
        ),
        (
            with(served(settled(Systemd), Starter::Manager, RELEASE), |it| {
                it.files[0].state = State::Outdated
            }),
            &[
                "replaced /u/c.socket",
                "ran S daemon-reload",
                "ran S stop c.socket c.service",
                "ran S start c.socket",
            ],
        ),
        (
            fresh(Launchd),
            &[
                "wrote /u/dev.claviger.clavigerd.plist",
                "ran install -d -m 700 /s",
                "ran launchctl enable gui/7/dev.claviger.clavigerd",
                "ran launchctl bootstrap gui/7 /u/dev.claviger.clavigerd.plist",
            ],
        ),
        (settled(Launchd), &[]),
        (
            served(settled(Launchd), Starter::Manager, "0.0.1"),
            &["ran launchctl kickstart -k gui/7/dev.claviger.clavigerd"],
        ),
    ];
    for (facts, expected) in table {
        let plan = install(&facts, false);
        assert_eq!(told(&plan), expected, "{facts:?}");
        assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    }
}

#[test]
fn without_a_user_manager_files_are_written_and_the_rest_is_told() {
    let plan = install(&with(fresh(Systemd), |it| it.answers = false), false);
    let enable = "ran env SYSTEMD_OFFLINE=1 S enable c.socket";
    assert_eq!(told(&plan), ["wrote /u/c.socket", "wrote /u/c.service", enable]);
    assert!(plan.notes[0].contains("next login"));
    let plan = install(&with(fresh(Launchd), |it| it.answers = false), false);
    assert_eq!((told(&plan).len(), plan.notes.len()), (1, 1));
    let gone = with(settled(Systemd), |it| (it.answers, it.active) = (false, false));
    let disable = "ran env SYSTEMD_OFFLINE=1 S disable c.socket";
    assert_eq!(told(&uninstall(&gone, false)), [disable, "removed /u/c.socket", "removed /u/c.service"]);
}

#[test]
fn edited_files_are_left_alone_unless_forced() {
    let edited = with(settled(Systemd), |it| it.files[1].state = State::Foreign);
    let plan = install(&edited, false);
    assert!(plan.steps.is_empty() && plan.notes[0].contains("/u/clavigerd.service was edited"));
    assert_eq!(told(&install(&edited, true)), ["replaced /u/c.service", "ran S daemon-reload"]);
    let plan = uninstall(&edited, false);
    assert_eq!(
        told(&plan),
        [
            "ran S disable c.socket",
            "ran S stop c.socket c.service",
            "removed /u/c.socket",
            "ran S daemon-reload"
        ]
    );
    assert!(plan.notes[0].contains("stays"));
    assert!(told(&uninstall(&edited, true)).contains(&"removed /u/c.service".to_owned()));
}

#[test]
fn units_of_a_package_are_used_and_never_hidden() {
    let package = |facts: Facts| with(facts, |it| it.packaged = settled(Systemd).files);
    assert_eq!(told(&install(&package(fresh(Systemd)), false)), ["ran S enable --now c.socket"]);
    let hidden = with(package(settled(Systemd)), |it| it.files[1].state = State::Outdated);
    let expected = [
        "ran S disable c.socket",
        "ran S stop c.socket c.service",
        "removed /u/c.socket",
        "removed /u/c.service",
        "ran S daemon-reload",
        "ran S enable --now c.socket",
    ];
    assert_eq!(told(&install(&hidden, false)), expected);
    let edited = with(package(settled(Systemd)), |it| {
        it.files[0].state = State::Absent;
        it.files[1].state = State::Foreign;
    });
    let plan = install(&edited, false);
    assert!(plan.steps.is_empty() && plan.notes[0].contains("was edited"));
    // The administrator's settings are not undone.
    let global = with(package(fresh(Systemd)), |it| (it.enabled, it.active) = (true, true));
    assert_eq!(install(&global, false), Plan::default());
    let plan = uninstall(&global, false);
    assert!(plan.steps.is_empty() && plan.notes[0].contains("mask"));
}

#[test]
fn uninstalling_undoes_installing_and_nothing_else() {
    let running = served(settled(Systemd), Starter::Manager, RELEASE);
    let all = [
        "ran S disable c.socket",
        "ran S stop c.socket c.service",
        "removed /u/c.socket",
        "removed /u/c.service",
        "ran S daemon-reload",
    ];
    assert_eq!(told(&uninstall(&running, false)), all);
    assert!(uninstall(&fresh(Systemd), false).steps.is_empty());
    // The service does not own a daemon that a client started.
    assert!(uninstall(&served(fresh(Systemd), Starter::Client, RELEASE), false).steps.is_empty());
    let plan =
        uninstall(&with(fresh(Systemd), |it| it.drop_ins = vec!["/u/clavigerd.service.d".into()]), false);
    assert!(plan.steps.is_empty() && plan.notes[0].contains("/u/clavigerd.service.d is yours"));
    let removed = "removed /u/dev.claviger.clavigerd.plist";
    assert_eq!(
        told(&uninstall(&settled(Launchd), false)),
        ["ran launchctl bootout gui/7/dev.claviger.clavigerd", removed]
    );
}
