//! Mutations of seeds, as fuzzers make them.

/// What parsers treat in a special way.
const TOKENS: [&[u8]; 24] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\n\n",
    b" ",
    b"\"",
    b"\\",
    b"\\u0000",
    b"%00",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"/",
    b"-1",
    b"0",
    b"65536",
    b"18446744073709551616",
    b"1e999",
    b"null",
    b"\xff",
    "\u{202e}".as_bytes(),
    "é".as_bytes(),
];

/// The longest input. Bounds on size have tests of their own.
const LONGEST: usize = 16 << 10;

/// Mutations of seeds, without end, and the same for the same seeds.
pub(crate) struct Mutations<'s> {
    seeds: &'s [Vec<u8>],
    /// The state of SplitMix64 (<https://doi.org/10.1145/2714064.2660195>).
    state: u64,
}

impl<'s> Mutations<'s> {
    pub(crate) fn of(seeds: &'s [Vec<u8>]) -> Self {
        Self { seeds, state: 0 }
    }

    /// Returns the next one: a seed with one to eight edits.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.seed().clone();
        for _ in 0..=self.below(8) {
            self.edit(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn edit(&mut self, input: &mut Vec<u8>) {
        let range = {
            let from = self.below(input.len() + 1);
            // Mostly short.
            let longest = if self.below(4) == 0 { input.len() } else { 8 };
            from..(from + self.below(longest + 1)).min(input.len())
        };
        match self.below(7) {
            0 if !range.is_empty() => input[range.start] ^= 1 << self.below(8),
            1 if !range.is_empty() => input[range.start] = self.byte(),
            2 => drop(input.drain(range)),
            // Some parsers count what is nested or repeated.
            3 => {
                let part = input[range.clone()].repeat(1 + self.below(40));
                input.splice(range.end..range.end, part);
            }
            4 => {
                let other = self.seed();
                let from = self.below(other.len() + 1);
                let to = from + self.below(other.len() - from + 1);
                input.splice(range, other[from..to].iter().copied());
            }
            5 => {
                let byte = self.byte();
                input.insert(range.start, byte);
            }
            _ => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(range, token.iter().copied());
            }
        }
    }

    fn seed(&mut self) -> &'s Vec<u8> {
        let seeds = self.seeds;
        &seeds[self.below(seeds.len())]
    }

    fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    /// A number from 0 to one below the bound, nearly evenly.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound.max(1) as u64).unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_the_same_in_every_run_and_differ_from_each_other() {
        let seeds = [br#"{"a": [1, 2, 3], "b": "a longer text"}"#.to_vec(), b"".to_vec()];
        let some = || {
            let mut mutations = Mutations::of(&seeds);
            (0..1000).map(|_| mutations.next()).collect::<Vec<_>>()
        };
        let first = some();
        assert_eq!(first, some());
        let mut different = first.clone();
        different.sort();
        different.dedup();
        assert!(different.len() > 800, "{}", different.len());
        assert!(first.iter().all(|input| input.len() <= LONGEST));
    }
}
