"""Claim snapshot.root: a snapshot statement's digest is the Merkle root register, in what is signed and in what is
shown.

By induction on the statement builder: once the walk over the template has passed a byte of the digest, the message
that the signer reads and the statement that is shown hold the root register's byte there, until the signature is in.
Assumed: the root register does not change while a statement is being made; a finished capture keeps it until it is
stated (tests/unit/test_snapshot_engine.py). Nothing is assumed of firmware: kind, slots and requests are free.
"""

import pytest
from amaranth.back import verilog

from formats.statement import Kind, layout
from rtl.config import CONFIGS
from rtl.snapshot.statement import StatementBuilder
from rtl.snapshot.statement_template import Action, Target, walk
from tests.formal.prover import Refuted, prove_verilog

CONFIG = CONFIGS["full"]
STEPS = walk(CONFIG)
DIGEST_BYTES = 32

PROPERTIES = """
    localparam IDLE = 0, FETCH = 1, WALK = 2, SIGNATURE = 3, STEPS = {steps};
    localparam MESSAGE_FIRST = {message_first}, STATEMENT_FIRST = {statement_first}, STEP_FIRST = {step_first};
{tables}
    wire [9:0] step = position - 1;
    wire in_digest = step >= STEP_FIRST && step < STEP_FIRST + 32;
    wire [4:0] at = step - STEP_FIRST;
    wire [63:0] in_hand = root >> {{at[4:3], 6'b0}};
    wire is_snapshot = making == {snapshot};
    (* anyconst *) wire [4:0] byte_index;
    wire [7:0] root_byte = root >> {{byte_index, 3'b0}};
    wire [9:0] signed_at = MESSAGE_FIRST + byte_index, shown_at = STATEMENT_FIRST + byte_index;
    wire [7:0] signed_byte = message[signed_at[9:3]] >> {{signed_at[2:0], 3'b0}};
    wire [7:0] shown_byte = statement[shown_at[9:3]] >> {{shown_at[2:0], 3'b0}};
    reg [255:0] past_root;
    reg past_busy = 0;
    always @(posedge clk) begin
        past_root <= root;
        past_busy <= busy && !rst;
    end
    always @* begin
        if (past_busy) assume (root == past_root);
        assume (!rst);
        if (fsm_state == FETCH) assert (position == 0 && message_at == 0 && statement_at == 0 && source == 0);
        if (fsm_state == WALK) begin
            assert (position >= 1 && position <= STEPS);
            assert (template_port__data == template_at(step));
            assert (message_at == message_before(step));
            assert (statement_at == statement_before(step));
            assert (source == sources_before(step));
            if (is_snapshot && in_digest && at[2:0] != 0)
                assert (held << {{at[2:0], 3'b0}} == in_hand >> {{at[2:0], 3'b0}} << {{at[2:0], 3'b0}});
            if (is_snapshot && in_digest) assert (emitted == in_hand[8 * at[2:0] +: 8]);
        end
        if (is_snapshot && (fsm_state == SIGNATURE || fsm_state == WALK && message_at > signed_at))
            assert (signed_byte == root_byte);
        if (is_snapshot && (fsm_state == SIGNATURE || fsm_state == WALK && statement_at > shown_at))
            assert (shown_byte == root_byte);
        if (fsm_state == SIGNATURE)
            assert (statement_at >= {signature_at} && statement_at <= {last_at} && statement_at[2:0] == 0);
    end
"""


def table(name: str, width: int, values: list[int]) -> str:
    """A function in Verilog: step -> value."""
    cases = "\n".join(f"            {index}: {name} = {value};" for index, value in enumerate(values))
    return f"""    function [{width - 1}:0] {name}(input [9:0] index);
        case (index)
{cases}
            default: {name} = 0;
        endcase
    endfunction"""


def before(counted: list[bool]) -> list[int]:
    """How many are true before each place."""
    return [sum(counted[:index]) for index in range(len(counted))]


def properties() -> str:
    messages = before([bool(target & Target.MESSAGE) for target, _, _ in STEPS])
    statements = before([bool(target & Target.STATEMENT) for target, _, _ in STEPS])
    loads = before([action == Action.SLOT_LOAD for _, action, _ in STEPS])
    first = layout()["digest"].offset
    step_first = len(layout().sig_structure_prefix) + len(layout().statement_prefix) + first
    return PROPERTIES.format(
        steps=len(STEPS),
        step_first=step_first,
        message_first=messages[step_first],
        statement_first=statements[step_first],
        signature_at=sum(bool(target & Target.STATEMENT) for target, _, _ in STEPS),
        last_at=layout().statement_bytes - 8,
        snapshot=int(Kind.SNAPSHOT),
        tables="\n".join(
            [
                table("template_at", 12, [target << 10 | action << 8 | byte for target, action, byte in STEPS]),
                table("message_before", 10, messages),
                table("statement_before", 10, statements),
                table("sources_before", 8, loads),
            ]
        ),
    )


def test_a_snapshots_digest_is_the_root_register(tmp_path):
    text = verilog.convert(StatementBuilder(CONFIG), name="top")
    prove_verilog(text, properties(), tmp_path)


def test_the_proof_finds_a_word_that_is_not_the_roots(tmp_path):
    """A builder that takes the digest's last word from firmware's slot even for a snapshot."""
    text = verilog.convert(StatementBuilder(CONFIG), name="top")
    altered = text.replace(" root[255:192] : slots[511:448]", " slots[511:448] : slots[511:448]")
    assert altered != text
    with pytest.raises(Refuted, match="FAIL"):
        prove_verilog(altered, properties(), tmp_path)
