//! What was expected of a case, and what came out.

use super::case::{Case, Expect};
use claviger::warning::Warning;
use clavigerd::{
    resolve::{Outcome, Resolution, Winner},
    sources::Material,
};

/// The differences between what was expected and what came out.
pub(crate) fn compare(case: &Case, got: &Resolution) -> Vec<String> {
    let expect = &case.expect;
    let mut wrong = Wrong::default();
    wrong.check("backend", expect.backend.as_ref(), got.backend.name().into());
    // A case is about the sources that are configured: a new source changes no old case.
    let configured = got.steps.iter().filter(|step| step.outcome != Outcome::NotConfigured);
    let steps = configured.map(|step| format!("{}: {}", step.source, outcome(step.outcome)));
    let steps = steps.collect::<Vec<_>>().join(", ");
    wrong.check("steps", expect.steps.as_ref().map(|all| all.join(", ")).as_ref(), steps);
    let place = match &got.winner {
        Ok(winner) => {
            of_winner(expect, winner, &mut wrong);
            winner.bound.at.as_ref()
        }
        Err(problem) => {
            wrong.check("winner", expect.winner.as_ref(), "none".into());
            let reason = expect.reason.clone().unwrap_or_default();
            wrong.check("reason", Some(&reason), problem.reason.to_string());
            problem.location.as_ref()
        }
    };
    let place = place.map(ToString::to_string).unwrap_or_default();
    let Wrong(mut wrong) = wrong;
    if let Some(end) =
        expect.at.as_ref().filter(|end| !place.ends_with(*end) || place.is_empty() != end.is_empty())
    {
        wrong.push(format!("at: expected {end:?}, got {place:?}"));
    }
    of_texts(expect, got, &mut wrong);
    if expect.winner.is_some() == expect.reason.is_some() {
        wrong.push("a case expects either a winner or a reason".into());
    }
    wrong
}

/// What is wrong with a case so far.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn check(&mut self, what: &str, expected: Option<&String>, got: String) {
        if let Some(expected) = expected.filter(|expected| **expected != got) {
            self.0.push(format!("{what}: expected {expected:?}, got {got:?}"));
        }
    }
}

fn of_winner(expect: &Expect, winner: &Winner, wrong: &mut Wrong) {
    let mut check = |what: &str, expected: Option<&String>, got: String| wrong.check(what, expected, got);
    let Winner { source, bound, endpoint, target, extras, .. } = winner;
    check("winner", Some(&expect.winner.clone().unwrap_or_default()), (*source).into());
    check("material", expect.material.as_ref(), material(&bound.material));
    check("scheme", expect.scheme.as_ref(), format!("{:?}", bound.scheme));
    check("origin", expect.origin.as_ref(), endpoint.origin.clone());
    check("region", expect.region.as_ref(), target.region.clone().unwrap_or_default());
    check("project", expect.project.as_ref(), target.project.clone().unwrap_or_default());
    check("base_url", expect.base_url.as_ref(), endpoint.base_url.clone());
    let headers = extras.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose()));
    let headers = headers.collect::<Vec<_>>().join("\n");
    check("headers", expect.headers.as_ref().map(|all| all.join("\n")).as_ref(), headers);
    check("own_headers", expect.own_headers.as_ref(), extras.own_headers.unwrap_or("none").into());
    let timeout = expect.timeout_ms.map(|ms| ms.to_string());
    check("timeout_ms", timeout.as_ref(), extras.timeout.as_millis().to_string());
}

/// Parts of texts that must be there, and parts that must not.
fn of_texts(expect: &Expect, got: &Resolution, wrong: &mut Vec<String>) {
    let text = format!("{:?}", got.winner.as_ref().map(|winner| &winner.bound.material));
    let missing = expect.provider.iter().filter(|part| !text.contains(*part));
    let surplus = expect.without.iter().filter(|part| text.contains(*part));
    wrong.extend(surplus.map(|part| format!("provider: {part:?} is in {text}")));
    wrong.extend(missing.map(|part| format!("provider: {part:?} is not in {text}")));
    if let Some(part) = expect.message.as_ref().filter(|part| !message(got).contains(*part)) {
        wrong.push(format!("message: {part:?} is not in {:?}", message(got)));
    }
    let warned = |(warning, part): (&Warning, &String)| warning.text.contains(part);
    if expect.warnings.len() != got.warnings.len() || !got.warnings.iter().zip(&expect.warnings).all(warned) {
        wrong.push(format!("warnings: expected {:?}, got {:?}", expect.warnings, got.warnings));
    }
}

fn message(got: &Resolution) -> String {
    got.winner.as_ref().err().map(|problem| problem.message.clone()).unwrap_or_default()
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Chosen => "chosen",
        Outcome::NotConfigured => "not-configured",
        Outcome::Ignored => "ignored",
        Outcome::Outranked => "outranked",
        Outcome::Refused => "refused",
        Outcome::Unanswered => "unanswered",
    }
}

fn material(material: &Material) -> String {
    match material {
        Material::OwnVariable(name) => format!("own {name}"),
        Material::Fixed(secret) => format!("fixed {}", secret.expose()),
        Material::Provided(_) => "provided".into(),
    }
}
