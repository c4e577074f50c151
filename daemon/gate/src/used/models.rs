//! Use by model. Names come from the API: their number and length are bounded, and all are printable.

use claviger::proto::v1::GateModelUse;
use std::{collections::BTreeMap, sync::Mutex};

/// Most models that are told apart.
const MOST: usize = 16;
/// Longest name, in bytes: those of Anthropic have about 30, those of gateways up to 60.
const LONGEST: usize = 64;
/// What is counted for all others, and for answers that name none.
const OTHER: &str = "other";

/// Totals by model.
#[derive(Default)]
pub(crate) struct Models(Mutex<BTreeMap<String, GateModelUse>>);

/// Where an answer is counted.
pub(crate) struct Model(String);

// === impl Models ===

impl Models {
    /// Counts an answer that names the model `name`, or none.
    pub(crate) fn answer_of(&self, name: Option<&str>) -> Model {
        let mut models = claviger_private::lock(&self.0);
        let is_plain = |name: &str| {
            !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let has_room = models.keys().filter(|known| *known != OTHER).count() < MOST;
        let name = name.filter(|name| is_plain(name) && (has_room || models.contains_key(*name)));
        let name = name.unwrap_or(OTHER).to_owned();
        let model = models
            .entry(name.clone())
            .or_insert_with(|| GateModelUse { model: name.clone(), ..GateModelUse::default() });
        model.requests = model.requests.saturating_add(1);
        Model(name)
    }

    /// Counts tokens of an answer.
    pub(crate) fn tokens(&self, of: &Model, input: u64, output: u64) {
        if let Some(model) = claviger_private::lock(&self.0).get_mut(&of.0) {
            model.input_tokens = model.input_tokens.saturating_add(input);
            model.output_tokens = model.output_tokens.saturating_add(output);
        }
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<GateModelUse> {
        claviger_private::lock(&self.0).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Models, OTHER};

    #[test]
    fn names_are_few_short_and_printable() {
        let models = Models::default();
        for name in [None, Some(""), Some("a\u{1b}[2J"), Some("mödel"), Some("a b"), Some(&*"x".repeat(65))]
        {
            models.tokens(&models.answer_of(name), 1, 2);
        }
        let other = &models.all()[0];
        assert_eq!(
            (&*other.model, other.requests, other.input_tokens, other.output_tokens),
            (OTHER, 6, 6, 12)
        );
        for number in 0..1000 {
            models.tokens(&models.answer_of(Some(&format!("model-{number:03}"))), u64::MAX, 1);
        }
        models.answer_of(Some("model-007"));
        let all = models.all();
        assert_eq!(all.len(), MOST + 1);
        let of = |name: &str| all.iter().find(|model| model.model == name).map(|model| model.requests);
        assert_eq!((of("model-007"), of("model-016"), of(OTHER)), (Some(2), None, Some(6 + 1000 - 16)));
    }
}
