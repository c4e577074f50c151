//! Details found while a credential was obtained, for people.

use super::table;
use crate::{
    output::Style,
    text::{escape, words},
};
use claviger::proto::v1::{Facts, Step, step::Outcome};

/// Everything but the links, on one line; empty if nothing is known.
pub(crate) fn line(facts: &Facts) -> String {
    let known = [
        ("link", &facts.link),
        ("account", &facts.account),
        ("region", &facts.region),
        ("project", &facts.project),
        ("quota project", &facts.quota_project),
    ];
    let known = known.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| format!("{name} {}", escape::line(value))).collect::<Vec<_>>().join(", ")
}

/// The links in the order they were asked, and their results.
pub(super) fn links(facts: &Facts, style: Style) -> Vec<String> {
    let row = |link: &Step| {
        [escape::line(&link.source), words::outcome(link).replace('-', " "), escape::line(&link.why)]
    };
    let lines = table::align(&facts.links.iter().map(row).collect::<Vec<_>>());
    let painted = lines.into_iter().zip(&facts.links).map(|(line, link)| match link.outcome() {
        Outcome::Chosen => style.green(&line),
        Outcome::Refused => style.red(&line),
        _ => style.dim(&line),
    });
    painted.collect()
}

#[cfg(test)]
mod tests {
    use super::{line, links};
    use crate::output::Style;
    use claviger::proto::v1::{Facts, Step, step::Outcome};

    #[test]
    fn known_facts_are_told_and_links_line_up() {
        let step = |name: &str, outcome: Outcome, why: &str| Step {
            source: name.into(),
            outcome: outcome.into(),
            why: why.into(),
            location: None,
        };
        let facts = Facts {
            link: "profile".into(),
            links: vec![
                step("environment", Outcome::NotConfigured, "AWS_ACCESS_KEY_ID is not set"),
                step("profile", Outcome::Chosen, "it answered"),
            ],
            quota_project: "billing\x1b".into(),
            ..Default::default()
        };
        assert_eq!(line(&facts), "link profile, quota project billing\\u{1b}");
        let expected = [
            "environment  not configured  AWS_ACCESS_KEY_ID is not set",
            "profile      chosen          it answered",
        ];
        assert_eq!(links(&facts, Style::default()), expected);
        assert_eq!(line(&Facts::default()), "");
    }
}
