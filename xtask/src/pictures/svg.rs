//! A terminal as SVG: small, without fonts of its own, and in line with every font, because each piece of text says how
//! wide it is. Lines are drawn, since those of a font would leave gaps.

use std::{fmt::Write as _, num::NonZero};
use vt100::{Cell, Color, Parser, Screen};

/// Width and height of a character, in pixels.
const CELL: (f32, f32) = (8.4, 19.0);
/// Around the text.
const MARGIN: f32 = 16.0;
/// Height of the title.
const TITLE: f32 = 34.0;
/// Where letters stand within their row.
const BASELINE: f32 = 14.0;
const FONT: &str =
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";
const BACKGROUND: &str = "#1a1d24";
const TEXT: &str = "#d5d9e0";
const DIM: &str = "#868d9b";
/// The first eight colours of a terminal; the bright ones are the same.
const PALETTE: [&str; 8] =
    ["#3b4150", "#ef6f7c", "#8fcf7a", "#e6c26a", "#6aa7f2", "#c58af0", "#56c3cf", "#d5d9e0"];

/// How a piece of text looks.
#[derive(Clone, Debug, PartialEq)]
struct Look {
    ink: &'static str,
    paper: Option<&'static str>,
    bold: bool,
}

/// A picture of `text` in a terminal of `size` (columns, rows).
pub(super) fn picture(text: &str, size: (u16, u16), title: String) -> String {
    let mut parser = Parser::new(at_least_one(size.1), at_least_one(size.0), 0);
    parser.process(text.trim_end().replace('\n', "\r\n").as_bytes());
    let screen = parser.screen();
    let rows = (0..size.1).rev().find(|row| !is_empty(screen, *row, size.0)).map_or(1, |row| row + 1);
    let (width, height) =
        (f32::from(size.0) * CELL.0 + 2.0 * MARGIN, f32::from(rows) * CELL.1 + TITLE + MARGIN);
    let mut svg = head(width, height, &title);
    for row in 0..rows {
        line(&mut svg, screen, row, size.0);
    }
    svg + "</svg>\n"
}

fn at_least_one(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap_or(NonZero::<u16>::MIN)
}

fn head(width: f32, height: f32, title: &str) -> String {
    let title = escaped(title);
    let middle = width / 2.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" font-family=\"{FONT}\" font-size=\"14\">\n\
         <title>{title}</title>\n\
         <style>text{{white-space:pre}}.l{{fill:none;stroke-width:1.2}}.h{{fill:none;stroke-width:3}}</style>\n\
         <rect x=\".5\" y=\".5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"9\" fill=\"{BACKGROUND}\" stroke=\"#4a5060\"/>\n",
        width - 1.0,
        height - 1.0,
    );
    for (number, colour) in ["#ef6f7c", "#e6c26a", "#8fcf7a"].iter().enumerate() {
        let x = 20 + 18 * number;
        let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"17\" r=\"5\" fill=\"{colour}\"/>");
    }
    let _ = writeln!(
        svg,
        "<text x=\"{middle:.0}\" y=\"21\" fill=\"{DIM}\" font-size=\"12\" text-anchor=\"middle\">{title}</text>"
    );
    svg
}

fn line(svg: &mut String, screen: &Screen, row: u16, columns: u16) {
    let y = TITLE + f32::from(row) * CELL.1;
    let mut column = 0;
    while column < columns {
        let Some(first) = screen.cell(row, column) else { break };
        let (look, start, mut text) = (look(first), column, String::new());
        while let Some(cell) = screen.cell(row, column).filter(|cell| self::look(cell) == look) {
            if !cell.is_wide_continuation() {
                text.push_str(if cell.has_contents() { cell.contents() } else { " " });
            }
            column += 1;
        }
        run(svg, &text, &look, (start, column), y);
    }
}

fn run(svg: &mut String, text: &str, look: &Look, (start, end): (u16, u16), y: f32) {
    let (x, width) = (MARGIN + f32::from(start) * CELL.0, f32::from(end - start) * CELL.0);
    if let Some(paper) = look.paper {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{paper}\"/>",
            CELL.1
        );
    }
    // Lines first, then what is left of the text.
    let mut letters = String::new();
    let mut lines = [String::new(), String::new()];
    for (number, c) in text.chars().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a column of a terminal")]
        let left = x + number as f32 * CELL.0;
        match stroke(c, left, y) {
            Some((heavy, path)) => {
                lines[usize::from(heavy)].push_str(&path);
                letters.push(' ');
            }
            None => letters.push(c),
        }
    }
    for (class, path) in ["l", "h"].iter().zip(&lines).filter(|(_, path)| !path.is_empty()) {
        let _ = writeln!(svg, "<path class=\"{class}\" stroke=\"{}\" d=\"{path}\"/>", look.ink);
    }
    pieces(svg, &letters, look, x, y);
}

/// Text without the space around it, and in pieces where there is much space: positions stay right in every font.
fn pieces(svg: &mut String, letters: &str, look: &Look, x: f32, y: f32) {
    let mut at = 0;
    for piece in letters.split("  ") {
        let text = piece.trim();
        if !text.is_empty() {
            let lead = at + piece.chars().take_while(|c| *c == ' ').count();
            #[expect(clippy::cast_precision_loss, reason = "a column of a terminal")]
            let (left, width) = (x + lead as f32 * CELL.0, text.chars().count() as f32 * CELL.0);
            let weight = if look.bold { " font-weight=\"700\"" } else { "" };
            let _ = writeln!(
                svg,
                "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" fill=\"{}\"{weight}>{}</text>",
                y + BASELINE,
                look.ink,
                escaped(text)
            );
        }
        at += piece.chars().count() + 2;
    }
}

/// A line-drawing character as a path, and whether it is heavy.
fn stroke(c: char, x: f32, y: f32) -> Option<(bool, String)> {
    let (right, bottom) = (x + CELL.0, y + CELL.1);
    let (middle, centre) = (x + CELL.0 / 2.0, y + CELL.1 / 2.0);
    let path = match c {
        '─' | '━' => format!("M{x:.1} {centre:.1}H{right:.1}"),
        '╸' => format!("M{x:.1} {centre:.1}H{middle:.1}"),
        '│' => format!("M{middle:.1} {y:.1}V{bottom:.1}"),
        '╭' => format!("M{middle:.1} {bottom:.1}Q{middle:.1} {centre:.1} {right:.1} {centre:.1}"),
        '╮' => format!("M{middle:.1} {bottom:.1}Q{middle:.1} {centre:.1} {x:.1} {centre:.1}"),
        '╰' => format!("M{middle:.1} {y:.1}Q{middle:.1} {centre:.1} {right:.1} {centre:.1}"),
        '╯' => format!("M{middle:.1} {y:.1}Q{middle:.1} {centre:.1} {x:.1} {centre:.1}"),
        _ => return None,
    };
    Some((matches!(c, '━' | '╸'), path))
}

fn look(cell: &Cell) -> Look {
    let ink = match (colour(cell.fgcolor()), cell.dim()) {
        (Some(colour), _) => colour,
        (None, true) => DIM,
        (None, false) => TEXT,
    };
    let paper = colour(cell.bgcolor());
    match cell.inverse() {
        true => Look { ink: paper.unwrap_or(BACKGROUND), paper: Some(ink), bold: cell.bold() },
        false => Look { ink, paper, bold: cell.bold() },
    }
}

fn colour(colour: Color) -> Option<&'static str> {
    match colour {
        Color::Idx(index) => PALETTE.get(usize::from(index % 8)).copied(),
        Color::Default | Color::Rgb(..) => None,
    }
}

fn is_empty(screen: &Screen, row: u16, columns: u16) -> bool {
    (0..columns).all(|column| screen.cell(row, column).is_none_or(|cell| cell.contents().trim().is_empty()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::picture;

    #[test]
    fn colours_lines_and_special_characters() {
        let svg = picture("\x1b[1;32ma<b\x1b[0m  x\n━─", (20, 5), "t & u".into());
        for part in [
            "<title>t &amp; u</title>",
            "fill=\"#8fcf7a\" font-weight=\"700\">a&lt;b</text>",
            "textLength=\"25.2\"",
            "class=\"h\"",
            "class=\"l\"",
        ] {
            assert!(svg.contains(part), "no {part} in {svg}");
        }
        assert!(!svg.contains('\x1b') && svg.ends_with("</svg>\n"));
    }
}
