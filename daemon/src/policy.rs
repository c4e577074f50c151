//! Login policies: `forceLoginMethod` and `forceLoginOrgUUID` of managed settings, and the accounts that they permit.
//! Pure.
//!
//! They gate every session on the Anthropic backend (`spec/behaviour.md` A2). An invalid policy blocks every session: a
//! typing mistake must not allow everything.

use crate::{
    accounts::{Account, Kind},
    settings::{Demand, Located, POLICIES, Settings},
};
use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    warning::{self, Warning},
};

/// A policy in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its key.
    pub key: &'static str,
    /// Its requirement.
    pub demand: Demand,
    /// Where it is set, the strongest place first.
    pub places: Vec<Location>,
}

/// The policies in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

// === impl Rule ===

impl Rule {
    /// Later drop-ins win, and lists add up (`spec/behaviour.md` A1). An invalid value blocks even if a stronger file
    /// is valid.
    fn of(key: &'static str, settings: &Settings) -> Option<Self> {
        let demands: Vec<&Located<Demand>> = settings.demands(key, true).collect();
        let unusable = |one: &&&Located<Demand>| matches!(one.value, Demand::Unusable(_));
        let first = *demands.iter().find(unusable).or(demands.first())?;
        let mut rule = Self { key, demand: first.value.clone(), places: vec![first.at.clone()] };
        if let Demand::Organizations { ids, is_list: true } = &mut rule.demand {
            for weaker in &demands[1..] {
                let Demand::Organizations { ids: more, is_list: true } = &weaker.value else { break };
                ids.extend(more.iter().cloned());
                rule.places.push(weaker.at.clone());
            }
        }
        Some(rule)
    }

    /// Why it does not permit `account`, as the rest of a sentence about the account.
    fn objection(&self, account: &Account) -> Option<String> {
        let (has, fits) = match &self.demand {
            Demand::Method(method) => (&account.method, account.method.as_deref() == Some(*method)),
            Demand::Organizations { ids, .. } => {
                let is = |own: &String| ids.iter().any(|id| id.eq_ignore_ascii_case(own));
                (&account.organization, account.organization.as_ref().is_some_and(is))
            }
            Demand::Unusable(_) => return Some("is blocked".into()),
        };
        match (account.kind, has) {
            (Kind::Oauth, Some(_)) if fits => None,
            (Kind::Oauth, Some(has)) => Some(format!("is of {has}")),
            (Kind::Oauth, None) => Some("does not record that".into()),
            (Kind::Token, _) => Some("holds a token, which does not record that".into()),
            (Kind::ApiKey, _) => Some("holds an API key".into()),
        }
    }

    fn problem(&self, message: String) -> Problem {
        let problem = Problem::new(Reason::PolicyBlocked, message).at(self.places.first());
        let what = self.places.first().map_or_else(
            || format!("change {}", self.key),
            |at| format!("change {} in {}", self.key, at.file),
        );
        problem.hint("your organisation's managed settings decide this").remedy(Remedy::Administrator(what))
    }

    fn unusable(&self) -> Option<Problem> {
        match &self.demand {
            Demand::Unusable(why) => Some(
                self.problem(format!("{} blocks every session: {why}", self.key))
                    .hint("your organisation's managed settings are invalid"),
            ),
            _ => None,
        }
    }
}

// === impl Policy ===

impl Policy {
    /// The policies of managed settings.
    pub fn of(settings: &Settings) -> Self {
        let mut rules: Vec<_> = POLICIES.into_iter().filter_map(|key| Rule::of(key, settings)).collect();
        // A rule that blocks every session is reported before one that a login could satisfy.
        rules.sort_by_key(|rule| rule.unusable().is_none());
        Self { rules }
    }

    /// Each of them.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Why only an OAuth login may be used; `None` without a policy.
    pub fn blocks(&self) -> Option<Problem> {
        let rule = self.rules.first()?;
        let why = || rule.problem(format!("{} allows an OAuth login only", rule.key));
        Some(rule.unusable().unwrap_or_else(why))
    }

    /// Why `account` may not be used.
    pub fn refuses(&self, account: &Account) -> Option<Problem> {
        self.rules.iter().find_map(|rule| {
            let why = rule.objection(account)?;
            let name = &account.name;
            let message =
                || format!("{} demands {}, and the account {name} {why}", rule.key, rule.demand.words());
            Some(rule.unusable().unwrap_or_else(|| {
                rule.problem(message())
                    .hint("name an account that satisfies it in CLAVIGER_ACCOUNT, or sign in to one")
                    .remedy(Remedy::login(None))
            }))
        })
    }

    /// The message for a session without any configuration; `None` without a policy.
    pub fn wants_login(&self, can_log_in: bool) -> Option<Problem> {
        let rule = self.rules.first()?;
        if !can_log_in || rule.unusable().is_some() {
            return self.blocks();
        }
        let message = format!("{} demands {}, but there is no login", rule.key, rule.demand.words());
        Some(Problem::new(Reason::LoginRequired, message).at(rule.places.first()))
    }
}

/// Warnings about policies in settings where they have no effect.
pub fn ineffective(settings: &Settings) -> impl Iterator<Item = Warning> {
    let planted =
        POLICIES.into_iter().flat_map(|key| settings.demands(key, false).map(move |one| (key, one)));
    planted.map(|(key, one)| {
        let text = format!("{key} in {} has no effect: only managed settings can set it", one.at);
        Warning::new(warning::Kind::PolicyIneffective, text).about(&[], Some(&one.at))
    })
}
