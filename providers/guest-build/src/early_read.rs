//! Finds code that the compiler got wrong.
//!
//! An instruction of wide arithmetic leaves two numbers on the stack. LLVM 22 may leave the lower one there while it stores the upper
//! one in a local, although an earlier instruction has already read that local: the code then computes with the value that the local
//! had before (<https://github.com/llvm/llvm-project/issues/199910>).
//! It depends on the surrounding code whether this happens, and a signature would be verified wrongly. So each component is searched
//! for it.

use anyhow::{Context as _, bail};
use wasmparser::{
    FuncToValidate, FunctionBody, Operator, Parser, ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// Checks that no function of a core module reads a local too early.
///
/// # Errors
/// With the number of a function that does, or why the module is not valid.
pub(crate) fn check(module: &[u8]) -> anyhow::Result<()> {
    let mut validator = Validator::new_with_features(WasmFeatures::default() | WasmFeatures::WIDE_ARITHMETIC);
    for payload in Parser::new(0).parse_all(module) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            check_function(function, &body)?;
        }
    }
    Ok(())
}

fn check_function(function: FuncToValidate<ValidatorResources>, body: &FunctionBody<'_>) -> anyhow::Result<()> {
    let number = function.index;
    let mut validator = function.into_validator(Default::default());
    validator.read_locals(&mut body.get_binary_reader())?;
    let mut operators = body.get_operators_reader()?;
    // For each value on the stack the local that it was read from, if it is as it was read.
    let mut stack: Vec<Option<u32>> = Vec::new();
    let mut has_two_results = false;
    while !operators.eof() {
        let position = operators.original_position();
        let operator = operators.read()?;
        if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator
            && has_two_results
            && stack.contains(&Some(local_index))
        {
            bail!("the compiler made an error: function {number} reads local {local_index} before that is set");
        }
        let (taken, _) = operator.operator_arity(&validator).context("an instruction is not known")?;
        validator.op(position, &operator)?;
        stack.truncate(stack.len().saturating_sub(usize::try_from(taken)?));
        stack.resize(usize::try_from(validator.operand_stack_height())?, None);
        if let (Operator::LocalGet { local_index }, Some(top)) = (&operator, stack.last_mut()) {
            *top = Some(*local_index);
        }
        has_two_results = matches!(
            operator,
            Operator::I64Add128 | Operator::I64Sub128 | Operator::I64MulWideS | Operator::I64MulWideU
        );
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::check;

    /// Returns what is found in a function that adds two numbers, and adds the carry to what comes first.
    fn checked(first: &str) -> Result<(), String> {
        let module = format!(
            "(module (func (param i64 i64 i64) (result i64)
                {first} local.get 0 i64.const 0 local.get 1 i64.const 0 i64.add128 local.set 2 i64.add))"
        );
        check(&wat::parse_str(module).unwrap()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_carry_that_is_read_before_it_is_set_is_found() {
        let error = checked("local.get 2").unwrap_err();
        assert!(error.contains("function 0 reads local 2"), "{error}");
    }

    #[test]
    fn other_reads_are_no_error() {
        for first in ["local.get 0", "i64.const 2", "local.get 2 i64.const 1 i64.add", "local.get 2 drop local.get 1"] {
            assert_eq!(checked(first), Ok(()), "{first}");
        }
    }
}
