"""Code is found whatever shape a reply has; what is no code is called that."""

from __future__ import annotations

import json

import pytest

from automl_agent.codegen.components import Component
from automl_agent.codegen.extraction import extract_code
from automl_agent.codegen.feedback import Failure, Stage

CODE = "import numpy as np\n\n\ndef train(config, X, y, *, seed, budget):\n    return None\n"
DRAFT = "def train(config, X, y, *, seed, budget):\n    return 'draft'\n"


def found(reply: str, component: Component = Component.TRAIN) -> str:
    source = extract_code(reply, component)
    assert isinstance(source, str), source.text()
    return source


def missing(reply: str) -> str:
    failure = extract_code(reply, Component.TRAIN)
    assert isinstance(failure, Failure), failure
    assert failure.stage is Stage.EXTRACTION
    assert "```python" in failure.text()
    return failure.problem


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{CODE}```",
        f"```py\n{CODE}```",
        f"```Python3\n{CODE}```",
        f"```\n{CODE}```",
        f"``` python\n{CODE}```\n",
        f"```python title=train.py\n{CODE}```",
        f"```{{.python .numberLines}}\n{CODE}```",
        f"```train.py\n{CODE}```",
        f"~~~python\n{CODE}~~~",
        f"````python\n{CODE}````",
        f"```python\n\n\n{CODE}\n\n```",
        f"Here it is:\n\n```python\n{CODE}```\n\nIt fits. Ask me for more.",
        f"```python\n{CODE}",
        f"Sure!\n```python\n{CODE}",
        CODE,
        f"\n\n{CODE}\n",
        f"\ufeff{CODE}",
        f"\ufeff```python\n{CODE}```",
        f"```python\n{CODE}```".replace("\n", "\r\n"),
        CODE.replace("\n", "\r\n"),
        f"<think>\n```python\n{DRAFT}```\n</think>\n```python\n{CODE}```",
        f"<thinking>Hm.\n```python\n{DRAFT}```\n</thinking>\n{CODE}",
        f"```python\n{CODE}```\n<think>{DRAFT}</think>",
        f"Let me think.\n```python\n{DRAFT}```\n</think>\n\n```python\n{CODE}```",
        f"Let me think.\n```python\n{DRAFT}```\n</think>\n\n{CODE}",
        f"```python\n{DRAFT}```\nWait, that ignores the configuration.\n```python\n{CODE}```",
        f"First an idea:\n```python\nx = DecisionTree()\n```\nThen:\n```python\n{CODE}```",
        f"```python\n{CODE}```\nUse it like this:\n```python\ntrain({{}}, X, y, seed=1)\n```",
        f"```bash\npip install numpy\n```\n```python\n{CODE}```",
        f"```python\n{CODE}```\n```text\n{'expected output ' * 50}\n```",
        f"```python\ndef train(:\n```\nSorry:\n```python\n{CODE}```",
        json.dumps({"filename": "train.py", "code": CODE}),
        "```json\n" + json.dumps({"code": CODE}) + "\n```",
        json.dumps({"code": f"```python\n{CODE}```"}),
    ],
)
def test_the_module_is_found(reply: str) -> None:
    assert found(reply) == CODE


@pytest.mark.parametrize("indent", ["  ", "   ", "\t", "        "])
def test_an_indented_fence_in_a_list(indent: str) -> None:
    block = "".join(f"{indent}{line}\n" for line in f"```python\n{CODE}```".split("\n"))
    assert found(f"1. The module:\n\n{block}\n2. Run it.\n") == CODE


def test_indentation_inside_strings_stays() -> None:
    code = 'def train(config, X, y, *, seed, budget):\n    return """a\n      b\n"""\n'
    assert found(f"```python\n{code}```") == code


@pytest.mark.parametrize("inner", ["```", "```python", "~~~"])
def test_a_fence_inside_a_docstring_ends_nothing(inner: str) -> None:
    close = inner[:3]
    code = f'"""Use it so:\n\n{inner}\ntrain({{}}, X, y)\n{close}\n"""\n{CODE}'
    assert found(f"Here:\n```python\n{code}```\nDone.\n```text\nfine\n```") == code


def test_backticks_in_comments_end_nothing() -> None:
    code = f"# call `train` or ```train``` ```\n{CODE}"
    assert found(f"```python\n{code}```") == code


def test_a_function_that_is_split_between_two_blocks_is_joined() -> None:
    head, body = CODE.split("    return", 1)
    reply = f"```python\n{head}```\nand it goes on\n```python\n    return{body}```"
    assert found(reply) == CODE


def test_earlier_blocks_join_when_the_module_needs_their_names() -> None:
    imports = "import numpy as np\n"
    helper = "def helper(n):\n    return np.zeros(n)\n"
    unused = "print('install it first')\n"
    train = "def train(config, X, y, *, seed, budget):\n    return helper(len(y))\n"
    draft = train.replace("helper", "np.ones")
    blocks = (imports, unused, draft, helper, train)
    source = found("\n".join(f"Part:\n```python\n{block}```" for block in blocks))
    assert source == f"{imports}\n{helper}\n{train}"


def test_the_longest_python_block_is_taken_when_none_is_complete() -> None:
    other = "def fit(config, X, y):\n    return None\n"
    reply = f"```python\nx = 1\n```\n```python\n{other}```\n```text\n{'log ' * 100}\n```"
    assert found(reply) == other


def test_code_with_a_syntax_error_is_handed_on() -> None:
    broken = "def train(config, X, y, *, seed, budget:\n    return None\n"
    assert found(f"```python\n{broken}```") == broken
    assert found(f"import os\n\n{broken}") == f"import os\n\n{broken}"


def test_typographic_quotes_are_left_for_the_syntax_check_to_name() -> None:
    code = CODE.replace("None", "“x”")
    assert found(f"```python\n{code}```") == code


def test_a_method_or_an_async_function_is_not_the_function() -> None:
    method = "class A:\n    def train(self):\n        pass\n"
    assert found(f"```python\n{CODE}```\n```python\n{method}```") == CODE
    late = "async def train(config, X, y, *, seed, budget):\n    pass\n"
    assert found(f"```python\n{CODE}```\n```python\n{late}```") == CODE


@pytest.mark.parametrize("reply", ["", "  \n\t\n"])
def test_an_empty_reply(reply: str) -> None:
    assert missing(reply) == "The reply is empty."


@pytest.mark.parametrize(
    "reply",
    [
        "I cannot help with that.",
        "from my point of view, you should define def train first.",
        "# Training\n\nThe def of train goes here.",
        "```text\nnothing\n```",
        "```python\n```",
        '{"code": 3}',
        "[" * 100_000,
    ],
)
def test_prose_only(reply: str) -> None:
    assert missing(reply) == "There is no Python code block in the reply."


def test_thoughts_only() -> None:
    assert "nothing but thoughts" in missing(f"<think>\n```python\n{DRAFT}```\n")
    assert "nothing but thoughts" in missing(f"<think>```python\n{DRAFT}```</think>")


def test_a_reply_full_of_fences_is_no_trouble() -> None:
    assert missing("```\n" * 30_001).startswith("There is no Python")


def test_code_that_mentions_thinking_is_kept() -> None:
    code = f'TAG = "<think>"\n{CODE}'
    assert found(f"```python\n{code}```") == code
