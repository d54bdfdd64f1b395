//! Analysers of a collection whose documents may be in different languages. Each document goes through the analyser of
//! its own: that which the caller states, or the collection's, or where that is [`AUTO`] the one that is recognised. A
//! query goes through that of its language if it is certain, else through those of all languages that are there.

use super::detect::Detector;
use super::Analyzer;
use crate::error::{Error, Result};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// The language of a collection whose documents say theirs themselves.
pub const AUTO: &str = "auto";

/// What a text is taken for that tells nothing of its language.
const FALLBACK: &str = "en";

pub struct Analyzers {
    /// Of the collection; `None` for [`AUTO`].
    language: Option<String>,
    default: Rc<Analyzer>,
    others: RefCell<BTreeMap<String, Rc<Analyzer>>>,
    detector: OnceCell<Detector>,
}

impl Analyzers {
    /// `language`: as [`Analyzer::new`] takes it, or [`AUTO`].
    ///
    /// # Errors
    /// `InvalidInput` for any other.
    pub fn new(language: &str) -> Result<Analyzers> {
        let own = (language != AUTO).then(|| language.to_owned());
        let default = Rc::new(match &own {
            Some(language) => Analyzer::new(language).map_err(|e| Error::invalid(format!("{}, {AUTO}", e.context)))?,
            None => Analyzer::new(FALLBACK)?,
        });
        Ok(Analyzers { language: own, default, others: RefCell::default(), detector: OnceCell::new() })
    }

    /// The analyser of a language, or of the collection.
    ///
    /// # Errors
    /// `InvalidInput` for an unknown language.
    pub fn get(&self, language: Option<&str>) -> Result<Rc<Analyzer>> {
        let Some(language) = language.filter(|&language| self.language.as_deref() != Some(language)) else {
            return Ok(Rc::clone(&self.default));
        };
        if let Some(known) = self.others.borrow().get(language) {
            return Ok(Rc::clone(known));
        }
        let made = Rc::new(Analyzer::new(language)?);
        self.others.borrow_mut().insert(language.to_owned(), Rc::clone(&made));
        Ok(made)
    }

    /// What is to be noted of a document's language: nothing where it is the collection's. `stated` is what the caller
    /// says, `text` what is looked at where nothing is said.
    pub fn of_document(&self, stated: Option<String>, text: impl FnOnce() -> String) -> Option<String> {
        match (stated, &self.language) {
            (Some(stated), own) => Some(stated).filter(|stated| own.as_ref() != Some(stated)),
            (None, Some(_)) => None,
            (None, None) => Some(self.detector().detect(&text()).map_or(FALLBACK, |guess| guess.language).to_owned()),
        }
    }

    /// The terms of a query and where they come from, in a collection that also holds documents of `others`. `stated`
    /// is the language that the caller says it is in.
    ///
    /// # Errors
    /// `InvalidInput` for an unknown language.
    pub fn analyze_query(
        &self,
        query: &str,
        stated: Option<&str>,
        others: &[&str],
        emit: &mut dyn FnMut(&str, Range<usize>),
    ) -> Result<()> {
        let own = self.language.as_deref().or(others.is_empty().then_some(FALLBACK));
        let present: Vec<&str> = own.into_iter().chain(others.iter().copied()).collect();
        let recognised = || self.detector().detect(query).filter(|guess| guess.certain).map(|guess| guess.language);
        let chosen = match (stated, present.as_slice()) {
            (Some(stated), _) => Some(stated),
            (None, [only]) => Some(*only),
            (None, several) => recognised().filter(|language| several.contains(language)),
        };
        if let Some(language) = chosen {
            self.get(Some(language))?.analyze(query, emit);
            return Ok(());
        }
        let mut by_language = Vec::new();
        for language in present {
            let mut terms: Vec<(String, Range<usize>)> = Vec::new();
            self.get(Some(language))?.analyze(query, &mut |term, span| terms.push((term.to_owned(), span)));
            by_language.push(terms);
        }
        // What one of the languages drops as a function word says little in any.
        let touches = |terms: &[(String, Range<usize>)], span: &Range<usize>| {
            terms.iter().any(|(_, other)| other.start < span.end && span.start < other.end)
        };
        let mut emitted: Vec<&(String, Range<usize>)> = Vec::new();
        for entry in by_language.iter().flatten() {
            if by_language.iter().all(|terms| touches(terms, &entry.1)) && !emitted.contains(&entry) {
                emitted.push(entry);
                emit(&entry.0, entry.1.clone());
            }
        }
        Ok(())
    }

    fn detector(&self) -> &Detector {
        self.detector.get_or_init(Detector::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: &str, query: &str, stated: Option<&str>, others: &[&str], expected: &[&str]) {
        let mut terms = Vec::new();
        let analyzers = Analyzers::new(language).unwrap();
        analyzers.analyze_query(query, stated, others, &mut |term, _| terms.push(term.to_owned())).unwrap();
        assert_eq!(terms, expected, "{query}");
    }

    #[test]
    fn queries_go_through_the_analysers_that_may_have_made_the_terms() {
        check("en", "running houses", None, &[], &["run", "hous"]);
        check("auto", "running houses", None, &[], &["run", "hous"]);
        check("en", "Häuser", None, &["de"], &["hauser", "haus"]);
        check("en", "Häuser", Some("de"), &[], &["haus"]);
        // Certain of one: the other is not asked, and its "die" is no term.
        check("auto", "Wo sind die Häuser mit dem roten Dach?", None, &["de", "en"], &["haus", "rot", "dach"]);
        // Of neither: "die" is a function word in one of them.
        check("auto", "die hard", None, &["de", "en"], &["hard"]);
        check("auto", "notebook", None, &["de", "en"], &["notebook"]);
    }

    #[test]
    fn documents_say_their_language_or_show_it() {
        let note = |language: &str, stated: Option<&str>, text: &str| {
            Analyzers::new(language).unwrap().of_document(stated.map(str::to_owned), || text.to_owned())
        };
        assert_eq!(note("en", None, "Das ist ein Haus und kein Schiff."), None);
        assert_eq!(note("en", Some("en"), ""), None);
        assert_eq!(note("en", Some("de"), "").as_deref(), Some("de"));
        assert_eq!(note("auto", None, "Das ist ein Haus und kein Schiff.").as_deref(), Some("de"));
        assert_eq!(note("auto", Some("nl"), "Das ist ein Haus.").as_deref(), Some("nl"));
        assert_eq!(note("auto", None, "42").as_deref(), Some("en"));
    }

    #[test]
    fn unknown_languages_are_refused() {
        let error = Analyzers::new("xx").err().unwrap();
        assert!(error.context.ends_with("none, auto"), "{error}");
        assert!(Analyzers::new("en").unwrap().get(Some("auto")).is_err());
        assert!(Analyzers::new("en").unwrap().analyze_query("a", Some("xx"), &[], &mut |_, _| {}).is_err());
    }
}
