//! New inputs from old ones, by chance.

use fastrand::Rng;

use crate::corpus::Corpus;

/// How many changes an input gets at most.
const CHANGES_MAX: usize = 4;

/// Longer inputs only cost time here.
const INPUT_BYTES_MAX: usize = 16 << 10;

/// Bytes at which readers turn.
const TURNING_BYTES: &[u8] = b"\0\t\n\r \"%',-./0:;<=>\\_{}\x7f\x80\xbf\xc3\xff";

/// Makes inputs; the same ones for the same seed.
pub(crate) struct Mutator<'a> {
    corpus: &'a Corpus,
    random: Rng,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(corpus: &'a Corpus, seed: u64) -> Self {
        Mutator {
            corpus,
            random: Rng::with_seed(seed),
        }
    }

    /// The next input: one of the corpus with a few changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.input();
        for _ in 0..self.random.usize(1..=CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    /// The few that were written for the target as often as the many that were not.
    fn input(&mut self) -> Vec<u8> {
        match self.corpus.borrowed.is_empty() || self.random.bool() {
            true => self.one_of(&self.corpus.inputs),
            false => self.one_of(&self.corpus.borrowed),
        }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        match self.random.u8(0..10) {
            0 => self.flip_a_bit(input),
            1 => {
                let byte = self.byte();
                if let Some(place) = self.byte_of(input) {
                    *place = byte;
                }
            }
            2 => {
                let byte = self.byte();
                self.put(input, &[byte]);
            }
            3 => {
                let range = self.range(input);
                input.drain(range);
            }
            4 => {
                let range = self.range(input);
                let copy = input[range].to_vec();
                self.put(input, &copy);
            }
            5 => {
                let range = self.range(input);
                let word = self.one_of(&self.corpus.words);
                input.splice(range, word);
            }
            6 => self.splice(input),
            _ => {
                let word = self.one_of(&self.corpus.words);
                self.put(input, &word);
            }
        }
    }

    fn flip_a_bit(&mut self, input: &mut [u8]) {
        let bit = 1 << self.random.u8(0..8);
        if let Some(place) = self.byte_of(input) {
            *place ^= bit;
        }
    }

    /// A part of another input in the place of a part of this one.
    fn splice(&mut self, input: &mut Vec<u8>) {
        let other = self.input();
        let (from, to) = (self.range(&other), self.range(input));
        input.splice(to, other[from].iter().copied());
    }

    fn put(&mut self, input: &mut Vec<u8>, bytes: &[u8]) {
        let at = self.random.usize(0..=input.len());
        input.splice(at..at, bytes.iter().copied());
    }

    /// Mostly short: a long one leaves nothing of an input.
    fn range(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let start = self.random.usize(0..=input.len());
        let length_max = match self.random.bool() {
            true => 8,
            false => input.len(),
        };
        let length = self.random.usize(0..=length_max);
        start..(start + length).min(input.len())
    }

    fn byte(&mut self) -> u8 {
        match self.random.bool() {
            true => TURNING_BYTES[self.random.usize(0..TURNING_BYTES.len())],
            false => self.random.u8(..),
        }
    }

    fn byte_of<'i>(&mut self, input: &'i mut [u8]) -> Option<&'i mut u8> {
        let places = input.len();
        (places > 0).then(|| &mut input[self.random.usize(0..places)])
    }

    fn one_of(&mut self, of: &[Vec<u8>]) -> Vec<u8> {
        of[self.random.usize(0..of.len())].clone()
    }
}

#[test]
fn a_seed_makes_the_same_inputs_again_and_another_makes_others() {
    let corpus = Corpus {
        inputs: vec![b"type = 'a'".to_vec(), Vec::new()],
        borrowed: vec![b"subject".to_vec()],
        words: vec![b" AND ".to_vec()],
    };
    let made = |seed| {
        let mut mutator = Mutator::new(&corpus, seed);
        (0..1000).map(|_| mutator.next()).collect::<Vec<_>>()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
    let distinct: std::collections::BTreeSet<_> = made(1).into_iter().collect();
    assert!(distinct.len() > 500, "{}", distinct.len());
}
