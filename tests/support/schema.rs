//! What `--json` prints has the form that docs/schemas/output.json says: every run of [`Home`](super::Home) is compared with it.

use jsonschema::Validator;
use serde_json::{Deserializer, Value, json};
use std::{process::Output, sync::LazyLock};

/// Verbs that answer in the form of another program.
const OTHERS: [&str; 3] = ["aws", "gcp", "azure"];

/// A schema for each verb, by its words.
static SCHEMAS: LazyLock<Vec<(Vec<String>, Validator)>> = LazyLock::new(|| {
    let mut all: Value = serde_json::from_str(include_str!("../../docs/schemas/output.json")).expect("JSON");
    close(&mut all);
    let verb = |(words, schema): (&String, &Value)| {
        let schema = json!({ "allOf": [schema], "$defs": all["$defs"] });
        (words.split(' ').map(str::to_owned).collect(), jsonschema::validator_for(&schema).expect("a schema"))
    };
    all["properties"].as_object().expect("verbs").iter().map(verb).collect()
});

/// Fields may be added to the interface, but not without their schema.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") {
            object.insert("unevaluatedProperties".into(), false.into());
        }
        object.values_mut().for_each(close);
    } else if let Some(list) = schema.as_array_mut() {
        list.iter_mut().for_each(close);
    }
}

/// Fails if what `claviger ARGUMENTS` printed is not as the schema of its verb says.
#[track_caller]
pub fn check(arguments: &[&str], output: &Output) {
    let own = arguments.iter().position(|word| *word == "--").map_or(arguments, |end| &arguments[..end]);
    if !own.contains(&"--json") || OTHERS.iter().any(|verb| own.contains(verb)) {
        return;
    }
    let place = |word: &String| own.iter().position(|own| own.split('=').next() == Some(word));
    // The verb stands first; what follows may be a value, as in `audit --event get`.
    let given = SCHEMAS.iter().filter(|(words, _)| words.iter().all(|word| place(word).is_some()));
    let verb = given.min_by_key(|(words, _)| (place(&words[0]), usize::MAX - words.len()));
    let error = SCHEMAS.iter().find(|(words, _)| words == &["error"]);
    for (stream, schema) in [(&output.stdout, verb), (&output.stderr, error)] {
        // Messages on stderr are no JSON, and neither is a help screen.
        let lines = Deserializer::from_slice(stream).into_iter::<Value>().map_while(Result::ok);
        for value in lines.filter(|value| value.is_object() || value.is_array()) {
            let (_, schema) = schema.unwrap_or_else(|| panic!("{own:?} has no schema: {value}"));
            let wrong: Vec<_> = schema
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(
                wrong.is_empty(),
                "{own:?} is not as docs/schemas/output.json says: {wrong:#?}\n{value:#}"
            );
        }
    }
}
