//! Messages for a person during a sign-in.

use super::time;
use crate::{output::Style, text::escape};
use claviger::proto::v1::DeviceCode;
use std::time::Duration;

/// Prompt for a person whose browser runs elsewhere.
pub(crate) const PASTE: &str = "paste the address the browser ended at, or the code it shows: ";

/// A server that does not know the client reports that only in the browser.
const IF_REFUSED: &str =
    "If the page shows an error, check client_id and redirect_uri of the [oauth.NAME] section.";

/// How a person opens the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Their browser is opened.
    Opened,
    /// They open it themselves, on this machine.
    Here,
    /// They open it anywhere, and paste the final address.
    Anywhere,
}

/// Where to sign in.
pub(crate) fn url(url: &str, way: Way, style: Style) -> String {
    let then = match way {
        Way::Opened => {
            "It is being opened in your browser. If that cannot reach this machine, paste the address it \
             ended at, or the code it shows. Ctrl-C cancels."
        }
        Way::Here => "Open it in a browser on this machine. Ctrl-C cancels.",
        Way::Anywhere => {
            "Any browser will do. On another machine it ends at a page that cannot be shown, whose address \
             starts with http://127.0.0.1 or http://localhost: paste that address here. Ctrl-C cancels."
        }
    };
    format!("Sign in at this address:\n\n  {}\n\n{then}\n{IF_REFUSED}\n", style.bold(&escape::line(url)))
}

/// Where to type in a code.
pub(crate) fn code(code: &DeviceCode, style: Style) -> String {
    let (uri, word) = (escape::line(&code.verification_uri), style.bold(&escape::line(&code.user_code)));
    let mut text = format!("Open this address on any device:\n\n  {uri}\n\nand type in the code {word}\n");
    if !code.verification_uri_complete.is_empty() {
        let complete = escape::line(&code.verification_uri_complete);
        text.push_str(&format!("\nor open this one, which has the code in it:\n\n  {complete}\n\n"));
    }
    let good = code.expires_in.and_then(|of| Duration::try_from(of).ok()).filter(|of| !of.is_zero());
    let good = good.map(|of| format!("The code is valid for {}. ", time::span(of)));
    text + &format!("{}Ctrl-C cancels.\n", good.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Way, code, url};
    use crate::output::Style;
    use claviger::{proto::v1::DeviceCode, wire};
    use std::time::Duration;

    #[test]
    fn the_address_stands_on_a_line_of_its_own() {
        let expected = "\
Sign in at this address:

  https://login.example/auth?a=b\\u{1b}

It is being opened in your browser. If that cannot reach this machine, paste the address it ended at, or the code \
it shows. Ctrl-C cancels.
If the page shows an error, check client_id and redirect_uri of the [oauth.NAME] section.
";
        assert_eq!(url("https://login.example/auth?a=b\x1b", Way::Opened, Style::default()), expected);
        for way in [Way::Here, Way::Anywhere] {
            assert!(
                url("https://x", way, Style::default())
                    .starts_with("Sign in at this address:\n\n  https://x\n")
            );
        }
    }

    #[test]
    fn a_code_comes_with_both_addresses() {
        let mut given = DeviceCode {
            verification_uri: "https://login.example/device".into(),
            verification_uri_complete: "https://login.example/device?user_code=AB-CD".into(),
            user_code: "AB-CD".into(),
            expires_in: Some(wire::duration(Duration::from_secs(600))),
        };
        let expected = "\
Open this address on any device:

  https://login.example/device

and type in the code AB-CD

or open this one, which has the code in it:

  https://login.example/device?user_code=AB-CD

The code is valid for 10 min. Ctrl-C cancels.
";
        assert_eq!(code(&given, Style::default()), expected);
        (given.verification_uri_complete, given.expires_in) = (String::new(), None);
        assert!(code(&given, Style::default()).ends_with("the code AB-CD\nCtrl-C cancels.\n"));
    }
}
