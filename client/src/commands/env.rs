//! `claviger env`: shell lines for `eval`.

use crate::{
    daemon::lending,
    failure::Failure,
    output,
    session::context::Context,
    session::environment::{self, Variable},
    text::quote,
};
use claviger::Secret;
use serde_json::Value;

/// Prints `export` and `unset` lines.
///
/// # Errors
/// Why there is no credential.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let lease = lending::borrow_to_keep(context).await?;
    let variables = environment::variables(&lease, |name| std::env::var_os(name).is_some())?;
    print(context, &variables)
}

/// Prints variables as shell lines, or as an object.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn print(context: &Context, variables: &[Variable]) -> Result<(), Failure> {
    match context.options.json {
        true => output::json(&object(variables))?,
        false => output::data(&variables.iter().map(line).collect::<String>())?,
    }
    Ok(())
}

fn line((name, value): &Variable) -> String {
    match value {
        Some(value) => format!("export {name}={}\n", quote::shell(value.expose())),
        None => format!("unset {name}\n"),
    }
}

// A variable to remove is null.
fn object(variables: &[Variable]) -> Value {
    let value =
        |value: &Option<Secret>| value.as_ref().map_or(Value::Null, |value| value.expose().as_str().into());
    variables.iter().map(|(name, content)| ((*name).to_owned(), value(content))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Secret, line, object};

    #[test]
    fn variables_are_set_quoted_or_removed() {
        let set = ("ANTHROPIC_API_KEY", Some(Secret::from("it's")));
        let removed = ("ANTHROPIC_BASE_URL", None);
        assert_eq!(line(&set), "export ANTHROPIC_API_KEY='it'\\''s'\n");
        assert_eq!(line(&removed), "unset ANTHROPIC_BASE_URL\n");
        let expected = serde_json::json!({"ANTHROPIC_API_KEY": "it's", "ANTHROPIC_BASE_URL": null});
        assert_eq!(object(&[set, removed]), expected);
    }
}
