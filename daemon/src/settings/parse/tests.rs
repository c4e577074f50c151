//! Tables for the parsers.

use super::{
    administrators,
    content::{MAX_COMMAND_LEN, MAX_VARIABLES},
    json, toml,
};
use crate::settings::{Confirm, Content, Layer};
use claviger::reason::{Problem, Reason};

fn good(text: &str) -> Content {
    json(Layer::User, "s.json", text.as_bytes()).expect("valid")
}

fn good_toml(text: &str) -> Content {
    toml(Layer::Config, "c.toml", text.as_bytes()).expect("valid")
}

/// A parser of the user's or the administrator's configuration.
type Parse = fn(Layer, &str, &[u8]) -> Result<Content, Problem>;

fn env(content: &Content) -> Vec<(&str, &str)> {
    content.env.iter().map(|(name, value)| (name.as_str(), value.value.as_str())).collect()
}

#[test]
fn values_come_with_layer_and_place() {
    let content =
        good("{\n  \"other\": [1, {\"apiKeyHelper\": 2}],\n  \"ö\": 1, \"apiKeyHelper\": \"get key\"\n}");
    let helper = &content.commands["apiKeyHelper"];
    assert_eq!((helper.value.as_str(), helper.layer), ("get key", Layer::User));
    assert_eq!((helper.at.to_string(), helper.at.layer.as_str()), ("s.json:3:11".to_owned(), "user"));
}

#[test]
fn hooks_policies_and_blank_commands_are_kept_apart() {
    let content = good(
        r#"{"apiKeyHelper":"claviger token","awsAuthRefresh":" \t","gcpAuthRefresh":"gcloud auth login",
            "forceLoginMethod":null,"forceLoginOrgUUID":["a"]}"#,
    );
    assert_eq!(content.hooks.keys().collect::<Vec<_>>(), [&"apiKeyHelper"]);
    assert_eq!(content.commands.keys().collect::<Vec<_>>(), [&"gcpAuthRefresh"]);
    assert_eq!(content.policies.keys().collect::<Vec<_>>(), [&"forceLoginMethod", &"forceLoginOrgUUID"]);
}

#[test]
fn variables_are_texts_and_scalars_are_coerced_to_what_is_written() {
    let content =
        good(r#"{"env":{"B":"x","A":"","N":1e3,"T":true,"F":false,"_9":-0.50,"CLAVIGER_FLIGHT":null}}"#);
    let expected = [("A", ""), ("B", "x"), ("F", "false"), ("N", "1e3"), ("T", "true"), ("_9", "-0.50")];
    assert_eq!(env(&content), expected);
}

#[test]
fn the_last_of_several_equal_keys_wins_whole() {
    let content =
        good(r#"{"apiKeyHelper":5,"env":{"A":"1","X":"1"},"apiKeyHelper":"b","env":{"A":[],"A":"3"}}"#);
    assert_eq!(content.commands["apiKeyHelper"].value, "b");
    assert_eq!(env(&content), [("A", "3")]);
}

#[test]
fn nothing_is_set_by_no_bytes_at_all_or_an_empty_object() {
    assert_eq!(good(""), Content::default());
    assert_eq!(good(" {} \n"), Content::default());
    assert_eq!(good_toml(""), Content::default());
    assert_eq!(good_toml("[oauth.x]\nissuer = 'i'\n"), Content::default());
}

#[test]
fn bad_json_is_refused_with_its_place() {
    let long = format!("{{\"apiKeyHelper\":\"{}\"}}", "x".repeat(MAX_COMMAND_LEN + 1));
    let many = (0..=MAX_VARIABLES).map(|n| format!("\"V{n}\":1")).collect::<Vec<_>>().join(",");
    for (text, place, words) in [
        (" \n", "1:1", "blank"),
        ("\u{feff}{}", "1:1", "byte order mark"),
        ("[]", "1:1", "must hold an object, not an array"),
        ("\n \"x\"", "2:2", "must hold an object, not a string"),
        ("null", "1:1", "not null"),
        ("{\n}}", "2:2", "not valid JSON"),
        ("{} {}", "1:4", "more than one JSON value"),
        ("{", "1:1", "unterminated object"),
        ("{\"a\":1", "1:1", "unterminated object"),
        ("{\"a\":[1,}", "1:9", "unexpected close brace"),
        ("{\n\"a\":1 // x\n}", "2:7", "comments are not allowed"),
        ("{\"a\":1,}", "1:7", "trailing commas"),
        ("{\"a\":[1,]}", "1:8", "trailing commas"),
        ("{'a':1}", "1:2", "single-quoted"),
        ("{\"a\":'x'}", "1:6", "single-quoted"),
        ("{a:1}", "1:2", "expected string"),
        ("{\"a\" 1}", "1:6", "expected colon"),
        ("{\"a\":1 \"b\":2}", "1:7", "expected comma"),
        ("{\"a\":}", "1:6", "unexpected close brace"),
        ("{\"a\":0x1}", "1:6", "hexadecimal"),
        ("{\"a\":+1}", "1:6", "unary plus"),
        ("{\"a\":.5}", "1:6", "decimal point"),
        ("{\"a\":NaN}", "1:6", "not valid JSON"),
        ("{\"a\":undefined}", "1:6", "not valid JSON"),
        ("{\"a\":\"\\x41\"}", "1:7", "not valid JSON"),
        ("{\"a\":\"x", "1:6", "unterminated string"),
        ("{\"a\":\"\\ud800\"}", "1:7", "unicode escape"),
        ("{\"ö\":\"x\ty\"}", "1:7", "not valid JSON"),
        ("{\"a\":01}", "1:7", "not valid JSON"),
        ("{\"a\":\u{a0}1}", "1:6", "not valid JSON"),
        ("{\n  \"apiKeyHelper\": 5}", "2:19", "apiKeyHelper must be a string, not a number"),
        ("{\"awsAuthRefresh\":{}}", "1:19", "awsAuthRefresh must be a string, not an object"),
        ("{\"awsCredentialExport\":true}", "1:24", "must be a string, not a boolean"),
        ("{\"gcpAuthRefresh\":null}", "1:19", "must be a string, not null"),
        ("{\"apiKeyHelper\":[\"a\"]}", "1:17", "must be a string, not an array"),
        ("{\"apiKeyHelper\":\"a\\u0000b\"}", "1:17", "NUL"),
        (&long, "1:17", "longer than 16384 bytes"),
        ("{\"env\":[]}", "1:8", "env must be an object, not an array"),
        ("{\"env\":\"A=1\"}", "1:8", "env must be an object, not a string"),
        ("{\"env\":{\"A\":null}}", "1:13", "env.A must be a string, not null"),
        ("{\"env\":{\"A\":1,\n\"B\":{}}}", "2:5", "env.B must be a string, not an object"),
        ("{\"env\":{\"A\":[]}}", "1:13", "env.A must be a string, not an array"),
        ("{\"env\":{\"\":\"\"}}", "1:9", "a name in env"),
        ("{\"env\":{\"A-B\":\"\"}}", "1:9", "a name in env"),
        ("{\"env\":{\"1A\":\"\"}}", "1:9", "a name in env"),
        ("{\"env\":{\"Ä\":\"\"}}", "1:9", "a name in env"),
        ("{\"env\":{\"A=B\":\"\"}}", "1:9", "a name in env"),
        ("{\"env\":{\"A\":\"\\u0000\"}}", "1:13", "env.A has a NUL"),
        ("{\"env\":{\"AWS_PROFILE\":\"work\\r\"}}", "1:23", "env.AWS_PROFILE ends with a carriage return"),
        ("{\"env\":{\"HOME\":\"/h\\u001b\"}}", "1:16", "env.HOME has a control character"),
        (&format!("{{\"env\":{{{many}}}}}"), "1:8", "more than 1024 variables"),
        (&"[".repeat(10_000), "1:513", "nested too deeply"),
        (&format!("{{\"a\":{}", "[".repeat(10_000)), "1:516", "nested too deeply"),
        (&"{\"a\":".repeat(10_000), "1:1282", "nested too deeply"),
    ] {
        let shown = &text[..text.len().min(40)];
        let problem = json(Layer::Project, "s.json", text.as_bytes()).expect_err(shown);
        assert_eq!(problem.reason, Reason::SettingsInvalid, "{shown}");
        let location = problem.location.as_ref().expect("a place");
        assert_eq!(
            (location.to_string(), location.layer.as_str()),
            (format!("s.json:{place}"), "project"),
            "{shown}: {problem}"
        );
        assert!(problem.message.contains(words), "{shown}: {}", problem.message);
        assert!(
            problem
                .message
                .starts_with(|first: char| !first.is_uppercase() || problem.message.starts_with("NUL"))
        );
        assert!(problem.hint.is_some(), "{shown}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    let problem = json(Layer::User, "s.json", b"{\n\"\xc3\xb6\xff\"}").expect_err("refused");
    assert_eq!(problem.to_string(), "s.json:2:3: not UTF-8");
}

#[test]
fn messages_do_not_repeat_the_file() {
    for text in
        ["{\"a\":canary}", "{\"env\":{\"canary-x\":1}}", "canary", "{\"canary\" 1}", "{\"a\":\"\\canary\"}"]
    {
        let problem = json(Layer::User, "s.json", text.as_bytes()).expect_err(text);
        assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
    }
    let problem = toml(Layer::Config, "c.toml", b"[settings]\napiKeyHelper = canary\n").expect_err("refused");
    assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
}

#[test]
fn a_directory_has_a_part_of_its_own() {
    let content = good_toml(
        "[settings]\napiKeyHelper = 'all'\nawsCredentialExport = 'x'\naudience = 'https://a'\nenv = { A = '1', B = '2' }\n\
         [settings.directory.'/w/.claude']\napiKeyHelper = 'own'\naudience = ['https://b']\nenv = { A = '3' }\n",
    );
    let own = &content.directories[std::path::Path::new("/w/.claude")];
    assert_eq!(own.commands["apiKeyHelper"].at.to_string(), "c.toml:7:1");
    assert!(own.directories.is_empty());
    let both = content.within(own);
    assert_eq!(
        (&*both.commands["apiKeyHelper"].value, &*both.commands["awsCredentialExport"].value),
        ("own", "x")
    );
    assert_eq!(env(&both), [("A", "3"), ("B", "2")]);
    assert_eq!(both.audience.iter().map(|at| &*at.value).collect::<Vec<_>>(), ["https://a", "https://b"]);
    for (text, place) in [
        ("[settings]\ndirectory = 1\n", "c.toml:2:13"),
        ("[settings.directory]\n'/x' = 1\n", "c.toml:2:8"),
        ("[settings.directory.'~/x']\n", "c.toml:1:21"),
        ("[settings.directory.'/x']\ndirectory = { '/y' = {} }\n", "c.toml:2:1"),
        ("[settings.directory.'/x']\napiKeyHelper = 'a'\n\npass_environment = ['A']\n", "c.toml:4:1"),
        ("[settings.directory.'/x']\npath = ['/p']\n", "c.toml:2:1"),
        ("[settings.directory.'/x']\n apiKeyHelpr = 'a'\n", "c.toml:2:2"),
        ("settings.directory.'/x'.forceLoginMethod = 'console'\n", "c.toml:1:25"),
    ] {
        let problem = toml(Layer::Config, "c.toml", text.as_bytes()).expect_err(text);
        assert_eq!(problem.location.expect("a place").to_string(), place);
    }
}

#[test]
fn toml_says_the_same() {
    let content = good_toml(
        "[settings]\napiKeyHelper = 'get key'\nawsAuthRefresh = 'claviger aws'\n\
         [settings.env]\nA = 'x'\nN = 1_000\nF = 1_0.5\nT = true\nCLAVIGER_X = 1\n[oauth]\nenv = 5\n",
    );
    assert_eq!(content.commands["apiKeyHelper"].at.to_string(), "c.toml:2:1");
    assert_eq!(content.hooks.len(), 1);
    assert_eq!(env(&content), [("A", "x"), ("F", "10.5"), ("N", "1000"), ("T", "true")]);
    assert_eq!(content.env["N"].at.to_string(), "c.toml:6:1");
    let inline = good_toml("settings = { apiKeyHelper = 'k', env = { A = '1' } }");
    assert_eq!((inline.commands.len(), env(&inline)), (1, vec![("A", "1")]));
    let names = good_toml("[trust]\nharmless = ['A', 'MYAPP_*']").harmless;
    let places: Vec<_> = names.iter().map(|name| format!("{} {}", name.value, name.at)).collect();
    assert_eq!(places, ["A c.toml:2:13", "MYAPP_* c.toml:2:18"]);
    assert_eq!(good_toml("settings.apiKeyHelper = 'k'").commands.len(), 1);
}

#[test]
fn what_a_person_confirms_is_read_by_account_and_source() {
    for (word, confirm) in Confirm::WORDS {
        let text = format!("[account.work]\nconfirm = '{word}'\n[source]\nsaved-api-key.confirm = '{word}'");
        let content = good_toml(&text);
        assert_eq!(content.confirmations.accounts["work"], confirm);
        assert_eq!(content.confirmations.sources["saved-api-key"], confirm);
    }
    assert_eq!(good_toml("[account.work]").confirmations.accounts.len(), 0);
}

#[test]
fn bad_toml_is_refused_with_its_place() {
    for (text, place, words) in [
        ("trust = 1", "1:9", "trust must be a table, not a number"),
        ("[trust]\nharmles = []", "2:1", "an unknown key"),
        ("[trust]\nharmless = 'A'", "2:12", "harmless must be an array of strings, not a string"),
        ("[trust]\nharmless = ['A', 5]", "2:18", "entry 2 of harmless must be a string, not a number"),
        ("[trust]\nharmless = ['A',\n 'HTTPS_PROXY']", "3:2", "entry 2 of harmless is never harmless"),
        ("[trust]\nharmless = ['aws_x']", "2:13", "entry 1 of harmless is never harmless"),
        ("[trust]\nharmless = ['*']", "2:13", "entry 1 of harmless is not the name"),
        ("[trust]\nharmless = ['A*']", "2:13", "entry 1 of harmless must name a family"),
        ("source = 1", "1:10", "source must be a table, not a number"),
        ("[source.api-helper]\nconfirm = 'always'", "1:9", "[source] has an unknown name"),
        ("[source]\napi-key-helper = 'always'", "2:18", "an entry of [source] must be a table, not a string"),
        ("[account.work]\nconfirms = 'always'", "2:1", "[account.NAME] has an unknown key"),
        ("[account.work]\nconfirm = true", "2:11", "confirm has an unknown value"),
        ("[account.work]\nconfirm = 'Always'", "2:11", "confirm has an unknown value"),
        ("settings = 1", "1:12", "settings must be a table, not a number"),
        ("[[settings]]\na = 1", "1:1", "settings must be a table, not an array"),
        ("[settings]\napiKeyHelper = 5", "2:16", "apiKeyHelper must be a string, not a number"),
        ("[settings]\nenv = 'x'", "2:7", "env must be a table, not a string"),
        ("[settings.env]\nA = 1979-05-27", "2:5", "env.A must be a string, not a date"),
        ("[settings.env]\n'a b' = 1", "2:1", "a name in env"),
        ("[settings]\na = \n", "2:5", "not valid TOML"),
        ("[settings]\na = 1\na = 2", "3:1", "not valid TOML"),
        (&format!("a = {}", "[".repeat(10_000)), "1:85", "not valid TOML"),
    ] {
        let shown = &text[..text.len().min(40)];
        let problem = toml(Layer::Config, "c.toml", text.as_bytes()).expect_err(shown);
        assert!(problem.message.contains(words), "{shown}: {}", problem.message);
        assert_eq!(problem.location.expect("a place").to_string(), format!("c.toml:{place}"), "{shown}");
    }
}

#[test]
fn a_key_that_claviger_does_not_know_is_a_mistake_in_its_own_files_only() {
    let users: Parse = toml;
    for parse in [users, administrators] {
        for (text, place, words) in [
            (
                "[settings]\nenv = { A = 'x' }\n  apiKeyHelpr = 'canary'",
                "3:3",
                "[settings] has an unknown key",
            ),
            ("settings = { apiKeyHelper = 'x', model = 'canary' }", "1:34", "[settings] has an unknown key"),
            ("settings.apiKeyhelper = 'canary'", "1:10", "[settings] has an unknown key"),
            ("\n[setings]\napiKeyHelper = 'canary'", "2:2", "an unknown section"),
            ("[settings]\n[[canary]]", "2:3", "an unknown section"),
            ("\"\\u0063anary\" = 1", "1:1", "an unknown section"),
        ] {
            let problem = parse(Layer::Config, "c.toml", text.as_bytes()).expect_err(text);
            let at = problem.location.as_ref().expect("a place").to_string();
            assert_eq!((at, problem.message.as_str()), (format!("c.toml:{place}"), words), "{text}");
            assert!(problem.hint.is_some() && !format!("{problem:?}").contains("canary"), "{problem:?}");
        }
    }
    let theirs = good(r#"{"model":"x","apiKeyHelpr":"x","permissions":{"apiKeyHelper":1}}"#);
    assert_eq!(theirs, Content::default());
}

#[test]
fn a_lock_is_the_administrators_and_needs_what_it_locks() {
    let of = |text: &str| administrators(Layer::Config, "c.toml", text.as_bytes());
    let good = "locked = ['settings.apiKeyHelper', 'daemon.foreign']\n[settings]\napiKeyHelper = 'x'\n";
    assert_eq!(of(good).expect("valid").locked.len(), 2);
    for (text, place, words) in [
        ("locked = ['settings.apiKeyHelper']\n", "1:11", "a locked command must be in the same file"),
        (
            "locked = ['daemon.log', 'settings.awsAuthRefresh']\n[settings]\napiKeyHelper = 'x'\n",
            "1:25",
            "in the same file",
        ),
        // A hook counts as not set, and so does a blank command.
        (
            "locked = ['settings.apiKeyHelper']\n[settings]\napiKeyHelper = 'claviger token'\n",
            "1:11",
            "in the same file",
        ),
        ("locked = ['settings.apiKeyHelper']\n[settings]\napiKeyHelper = ' '\n", "1:11", "in the same file"),
        ("locked = ['settings.env']\n", "1:11", "settings.env is an unknown key"),
        ("locked = ['daemon.foreing']\n", "1:11", "daemon.foreing is an unknown key"),
        ("locked = ['apiKeyHelper']\n", "1:11", "an unknown key"),
        ("locked = 5\n", "1:10", "locked must be a string or an array of strings"),
        ("[trust]\nharmless = []\n", "1:1", "only the user's own file can hold [trust]"),
        ("[settings]\npass_environment = []\n", "2:20", "hold pass_environment of [settings]"),
    ] {
        let problem = of(text).expect_err(text);
        assert!(problem.message.contains(words), "{text}: {}", problem.message);
        assert_eq!(problem.location.expect("a place").to_string(), format!("c.toml:{place}"), "{text}");
    }
    let users = toml(Layer::Config, "c.toml", b"\nlocked = []\n").expect_err("refused");
    assert_eq!(users.to_string(), "c.toml:2:1: only the administrator's file can lock keys");
}
