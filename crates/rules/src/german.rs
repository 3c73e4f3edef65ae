//! The messages of the TOML and script parsers that authors meet, in German.

use rhai::{LexError, ParseErrorType};

/// What a script's parser says.
pub(crate) fn script(error: &ParseErrorType) -> String {
    use ParseErrorType as E;
    match error {
        E::UnexpectedEOF => "das Skript hört mitten im Satz auf; fehlt eine schließende Klammer?".into(),
        E::BadInput(LexError::UnterminatedString) => "der Text hat kein Anführungszeichen am Ende".into(),
        E::BadInput(LexError::StringTooLong(most)) => format!("ein Text hat höchstens {most} Zeichen"),
        E::BadInput(LexError::MalformedEscapeSequence(text)) => format!("„{text}“ ist kein Sonderzeichen"),
        E::BadInput(LexError::MalformedNumber(text)) => format!("„{text}“ ist keine Zahl"),
        E::BadInput(LexError::UnexpectedInput(text)) => format!("mit „{text}“ beginnt hier nichts"),
        E::BadInput(LexError::ImproperSymbol(symbol, _)) | E::UnknownOperator(symbol) => {
            format!("„{symbol}“ gibt es hier nicht")
        }
        E::MissingToken(token, _) | E::MissingSymbol(token) => format!("hier fehlt „{token}“"),
        E::DuplicatedProperty(name) => format!("„{name}“ steht zweimal in derselben Map"),
        E::PropertyExpected => "hier muss der Name eines Feldes stehen".into(),
        E::VariableExpected => "hier muss der Name einer Variablen stehen".into(),
        E::Reserved(word) => format!("„{word}“ gibt es in Regeln nicht"),
        E::ExprExpected(_) => "hier fehlt ein Ausdruck".into(),
        E::WrongFnDefinition => "Funktionen stehen nebeneinander, nicht in einer anderen".into(),
        E::FnDuplicatedDefinition(name, _) => format!("die Funktion {name}() gibt es schon"),
        E::FnMissingName => "die Funktion hat keinen Namen".into(),
        E::FnMissingParams(name) => format!("bei der Funktion {name} fehlen die Klammern für ihre Parameter: {name}()"),
        E::FnDuplicatedParam(name, parameter) => format!("{name}() hat „{parameter}“ zweimal als Parameter"),
        E::FnMissingBody(name) => format!("der Rumpf {{ … }} der Funktion {name}() fehlt; steht die Klammer „{{“ da?"),
        E::AssignmentToConstant(name) => format!("„{name}“ lässt sich nicht ändern"),
        E::VariableUndefined(name) => format!("„{name}“ ist nicht bekannt; mit let {name} = … bekannt machen"),
        E::ModuleUndefined(name) => format!("die Schicht „{name}“ gibt es hier nicht"),
        E::ExprTooDeep => "der Ausdruck ist zu tief geschachtelt; mit let in Schritte teilen".into(),
        E::TooManyFunctions => "das Skript hat zu viele Funktionen".into(),
        other => format!("das Skript ist nicht lesbar: {other}"),
    }
}

/// What the TOML parser says.
pub fn toml(message: &str) -> String {
    const WORDS: [(&str, &str); 14] = [
        ("unknown field", "unbekannter Schlüssel"),
        ("missing field", "es fehlt der Schlüssel"),
        ("unknown variant", "unbekanntes Wort"),
        ("expected one of", "möglich sind"),
        ("duplicate key", "doppelter Schlüssel"),
        ("invalid type:", "falscher Typ:"),
        ("missing opening quote", "das Anführungszeichen am Anfang fehlt"),
        ("missing closing quote", "das Anführungszeichen am Ende fehlt"),
        ("string values must be quoted", "Text steht in Anführungszeichen"),
        ("unclosed array", "die Liste wird nicht mit ] geschlossen"),
        ("unclosed inline table", "die Klammer } fehlt"),
        ("key with no value", "nach dem Schlüssel fehlt = und ein Wert"),
        ("extra assignment between key-value pairs", "ein = zu viel"),
        (", expected ", ", erwartet: "),
    ];
    WORDS.iter().fold(message.to_owned(), |text, (english, german)| text.replace(english, german))
}
