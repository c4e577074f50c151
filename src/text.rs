//! Decides which characters of foreign text can be shown as they are.

/// Whether a terminal shows `c` visibly, in its own place, and not as a blank other than the space. Excludes control,
/// format, private and unassigned characters, and combining marks.
pub fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // Invisible letters and symbols.
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{fffc}' | '\u{fffd}' => false,
        c if c.is_ascii() => false,
        // `escape_debug` of the standard library escapes all categories of "other" and "separator", and grapheme
        // extenders.
        c => c.escape_debug().count() == 1,
    }
}

/// Whether `c` is drawn onto the character before it. One such mark is part of a letter in many scripts; a stack of
/// them covers other lines. Excludes invisible marks.
pub fn is_mark(c: char) -> bool {
    let has_no_ink = matches!(c, '\u{34f}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    let mut buffer = [b'a'; 5];
    let length = 1 + c.encode_utf8(&mut buffer[1..]).len();
    // Escaped if alone, but not after a letter.
    let pair = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
    !has_no_ink && c.escape_debug().count() > 1 && pair.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::{is_mark, is_printable};

    #[test]
    fn letters_and_symbols_are_printable() {
        for c in "aZ ~é鍵я\u{1f511}ñ€".chars() {
            assert!(is_printable(c) && !is_mark(c), "{c:?}");
        }
    }

    #[test]
    fn controls_formats_blanks_private_and_unassigned_ones_are_not() {
        for c in [
            '\0',
            '\n',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{600}',
            '\u{61c}',
            '\u{6dd}',
            '\u{70f}',
            '\u{8e2}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{206f}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{378}',
            '\u{e000}',
            '\u{feff}',
            '\u{fff9}',
            '\u{fffc}',
            '\u{fffd}',
            '\u{ffff}',
            '\u{110bd}',
            '\u{13430}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e01f0}',
            '\u{f0000}',
            '\u{10ffff}',
        ] {
            assert!(!is_printable(c) && !is_mark(c), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn marks_are_told_from_the_rest() {
        for c in ['\u{301}', '\u{488}', '\u{e31}', '\u{20dd}', '\u{1ab0}', '\u{1dc0}'] {
            assert!(!is_printable(c) && is_mark(c), "{:x}", u32::from(c));
        }
        for c in ['\u{34f}', '\u{fe0f}', '\u{e0100}', '\u{17b4}'] {
            assert!(!is_printable(c) && !is_mark(c), "{:x}", u32::from(c));
        }
    }
}
