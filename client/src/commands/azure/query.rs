//! The part of JMESPath that callers use with `az account get-access-token`: a field, or a list or a hash of fields;
//! and the output format of `az` for its result. Pure.

use serde_json::Value;

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Query {
    Field(String),
    List(Vec<String>),
    Hash(Vec<(String, String)>),
}

/// Result of a query.
pub(super) enum Found {
    /// A value; null means no value.
    One(Value),
    List(Vec<Value>),
    /// In the order of the query.
    Hash(Vec<(String, Value)>),
}

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    /// If it selects more than fields.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let within = |open, close| text.strip_prefix(open)?.strip_suffix(close);
        let parts = |inner: &str| inner.split(',').map(str::to_owned).collect::<Vec<_>>();
        let read = || match (within('[', ']'), within('{', '}')) {
            (Some(inner), _) => {
                parts(inner).iter().map(|part| field(part)).collect::<Option<_>>().map(Self::List)
            }
            (_, Some(inner)) => {
                let pair = |part: &String| {
                    let (name, value) = part.split_once(':')?;
                    Some((field(name)?, field(value)?))
                };
                parts(inner).iter().map(pair).collect::<Option<_>>().map(Self::Hash)
            }
            _ => field(text).map(Self::Field),
        };
        read().ok_or_else(|| "only fields, and lists and hashes of fields, are supported".to_owned())
    }

    /// Applies it to an answer.
    pub(super) fn of(&self, answer: &Value) -> Found {
        let get = |name: &String| answer.get(name).cloned().unwrap_or_default();
        match self {
            Self::Field(name) => Found::One(get(name)),
            Self::List(names) => Found::List(names.iter().map(get).collect()),
            Self::Hash(pairs) => {
                Found::Hash(pairs.iter().map(|(key, name)| (key.clone(), get(name))).collect())
            }
        }
    }

    /// The whole answer, without a query.
    pub(super) fn all(answer: &Value) -> Found {
        let pairs = answer.as_object().into_iter().flatten();
        Found::Hash(pairs.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

/// A name, with or without quotes.
fn field(text: &str) -> Option<String> {
    let text = text.trim();
    let name = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name =
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_plain);
    is_name.then(|| name.to_owned())
}

impl Found {
    /// As JSON; `None` if there is no value, for which `az` prints nothing.
    pub(super) fn json(self) -> Option<Value> {
        match self {
            Self::One(Value::Null) => None,
            Self::One(value) => Some(value),
            Self::List(values) => Some(values.into()),
            Self::Hash(pairs) => Some(Value::Object(pairs.into_iter().collect())),
        }
    }

    /// In the format of `az ... -o tsv`: a hash is one line, and each value of a list is one line.
    pub(super) fn tsv(self) -> String {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "None".to_owned(),
            other => other.to_string(),
        };
        match self {
            Self::One(Value::Null) => String::new(),
            Self::One(value) => text(&value) + "\n",
            Self::List(values) => values.iter().map(|value| text(value) + "\n").collect(),
            Self::Hash(pairs) => {
                pairs.iter().map(|(_, value)| text(value)).collect::<Vec<_>>().join("\t") + "\n"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Query;
    use serde_json::json;

    #[test]
    fn fields_lists_and_hashes() {
        let answer = json!({ "accessToken": "t", "expires_on": 1, "tenant": "x" });
        for (query, tsv, text) in [
            ("accessToken", "t\n", "\"t\""),
            ("\"accessToken\"", "t\n", "\"t\""),
            ("nothing", "", "-"),
            ("[accessToken, expires_on]", "t\n1\n", "[\"t\",1]"),
            ("{token:accessToken,exp: \"expires_on\"}", "t\t1\n", "{\"exp\":1,\"token\":\"t\"}"),
            ("[nothing]", "None\n", "[null]"),
        ] {
            let parsed = Query::parse(query).expect(query);
            assert_eq!(parsed.of(&answer).tsv(), tsv, "{query}");
            let shown = parsed.of(&answer).json().map_or_else(|| "-".to_owned(), |value| value.to_string());
            assert_eq!(shown, text, "{query}");
        }
        assert_eq!(Query::all(&answer).tsv(), "t\t1\tx\n");
    }

    #[test]
    fn the_rest_of_jmespath_is_left_to_az() {
        for query in
            ["", "@", "a.b", "a[0]", "length(@)", "a | b", "[a", "{a}", "{a:b:c}", "[]", "`x`", "[[a]]", "é"]
        {
            assert!(Query::parse(query).is_err(), "{query}");
        }
    }
}
