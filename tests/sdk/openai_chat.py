"""The official OpenAI SDK against the gateway: openai_chat.py BASE_URL KEY MODEL.

Every check is a function named check_*; the same checks pass whichever provider serves MODEL.
Beside MODEL the gateway serves `tiny` (a budget that nothing fits in) and `throttled` (its
provider answers 429 with retry-after: 7).
"""

import base64
import json
import struct
import sys
import zlib

import openai
from pydantic import BaseModel

BASE_URL, KEY, MODEL = sys.argv[1:4]
CLAUDE = MODEL.startswith("claude")
client = openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0)

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}


def ask(text, **options):
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model=MODEL, messages=messages, **options)


def text_of(chunks):
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices
    )


def check_usage(usage):
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0, usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, usage


def png():
    """A white image of 8 × 8 pixels."""

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\xff" * 8 for _ in range(8)))
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


def check_whole():
    answer = ask("hello there")
    assert answer.object == "chat.completion", answer
    assert len(answer.choices) == 1 and answer.choices[0].index == 0, answer
    message = answer.choices[0].message
    assert message.role == "assistant" and "hello there" in message.content, message
    assert answer.choices[0].finish_reason == "stop", answer
    assert not message.tool_calls, message
    check_usage(answer.usage)
    assert answer.id and answer.created > 0 and answer.model, answer


def check_headers_say_who_served():
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "hi"}]
    )
    assert raw.headers["x-tollgate-model"] == MODEL, raw.headers
    assert raw.headers["x-tollgate-provider"] == ("anthropic" if CLAUDE else "openai")


def check_streamed_without_usage():
    chunks = list(ask("hello there", stream=True))
    assert text_of(chunks) == ask("hello there").choices[0].message.content, chunks
    assert all(chunk.usage is None for chunk in chunks), chunks
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks), chunks
    assert len({chunk.id for chunk in chunks}) == 1, chunks
    assert chunks[0].choices[0].delta.role == "assistant", chunks[0]
    finished = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
    assert finished == ["stop"], finished


def check_streamed_with_usage():
    chunks = list(ask("hello there", stream=True, stream_options={"include_usage": True}))
    whole = ask("hello there")
    assert text_of(chunks) == whole.choices[0].message.content
    assert all(chunk.usage is None for chunk in chunks[:-1]), chunks
    assert chunks[-1].choices == [], chunks[-1]
    check_usage(chunks[-1].usage)
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def check_stream_arrives_in_pieces():
    chunks = list(ask("hi [[sim output=40]]", stream=True))
    pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert len(pieces) >= 20, len(pieces)


def check_system_and_developer_messages():
    plain = ask("hi").usage.prompt_tokens
    for role in ["system", "developer"]:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": role, "content": "You are a very patient gardener."},
                {"role": "user", "content": "hi"},
            ],
        )
        assert "hi" in answer.choices[0].message.content
        assert answer.usage.prompt_tokens > plain + 3, (role, answer.usage)


def check_conversation():
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": [{"type": "text", "text": "three"}]},
        ],
    )
    assert "three" in answer.choices[0].message.content, answer


def check_tools_round_trip():
    question = {"role": "user", "content": "use get_weather for Oviedo"}
    first = client.chat.completions.create(model=MODEL, messages=[question], tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls", first
    call = first.choices[0].message.tool_calls[0]
    assert call.type == "function" and call.id, call
    assert call.function.name == "get_weather", call
    arguments = json.loads(call.function.arguments)
    assert isinstance(arguments["city"], str) and isinstance(arguments["days"], int), arguments
    result = {"role": "tool", "tool_call_id": call.id, "content": "22 degrees and sunny"}
    final = client.chat.completions.create(
        model=MODEL, messages=[question, first.choices[0].message, result], tools=[WEATHER]
    )
    assert final.choices[0].finish_reason == "stop", final
    assert "22 degrees and sunny" in final.choices[0].message.content, final


def check_tool_choice():
    named = {"type": "function", "function": {"name": "get_weather"}}
    for choice in ["required", named]:
        answer = ask("hello", tools=[WEATHER], tool_choice=choice)
        assert answer.choices[0].message.tool_calls[0].function.name == "get_weather", answer
    answer = ask("use get_weather", tools=[WEATHER], tool_choice="none")
    assert not answer.choices[0].message.tool_calls, answer


def check_streamed_tool_call():
    messages = [{"role": "user", "content": "use get_weather for Oviedo"}]
    whole = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=messages, tools=[WEATHER], stream=True
        )
    )
    parts = [
        part
        for chunk in chunks
        for choice in chunk.choices
        for part in choice.delta.tool_calls or []
    ]
    assert parts[0].id and parts[0].function.name == "get_weather", parts[0]
    assert all(part.index == 0 for part in parts), parts
    arguments = "".join(part.function.arguments or "" for part in parts)
    expected = json.loads(whole.choices[0].message.tool_calls[0].function.arguments)
    assert json.loads(arguments) == expected, arguments
    finished = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
    assert finished == ["tool_calls"], finished


def check_stream_helper():
    messages = [{"role": "user", "content": "use get_weather for Oviedo"}]
    with client.chat.completions.stream(model=MODEL, messages=messages) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds, kinds
    assert final.choices[0].finish_reason == "stop", final


class Person(BaseModel):
    name: str
    age: int


def check_structured_output():
    answer = client.chat.completions.parse(
        model=MODEL,
        messages=[{"role": "user", "content": "who is it?"}],
        response_format=Person,
    )
    person = answer.choices[0].message.parsed
    assert isinstance(person, Person), answer


def check_images():
    text = {"type": "text", "text": "what is this?"}
    image = {"type": "image_url", "image_url": {"url": png()}}
    plain = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": [text]}]
    )
    seen = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": [text, image]}]
    )
    assert "what is this?" in seen.choices[0].message.content
    assert seen.usage.prompt_tokens > plain.usage.prompt_tokens, seen.usage


def check_stop():
    answer = ask("one STOP two", stop="STOP")
    assert answer.choices[0].message.content.endswith("one "), answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert "two" not in ask("one STOP two", stop=["x-x", "STOP"]).choices[0].message.content


def check_max_tokens():
    for name in ["max_tokens", "max_completion_tokens"]:
        answer = ask("hi [[sim output=50]]", **{name: 7})
        assert answer.choices[0].finish_reason == "length", answer
        assert answer.usage.completion_tokens == 7, answer.usage


def check_several_choices():
    if CLAUDE:
        # Anthropic gives one answer; asking for two is refused, not shortened.
        try:
            ask("hi", n=2)
        except openai.BadRequestError as error:
            assert error.param == "n", error.body
            return
        raise AssertionError("n=2 was not refused")
    answer = ask("hi", n=2)
    assert [choice.index for choice in answer.choices] == [0, 1], answer


def check_reasoning_effort():
    answer = ask("think [[sim output=20]]", reasoning_effort="low", max_completion_tokens=4096)
    assert answer.choices[0].message.content, answer
    plain = ask("think [[sim output=20]]", max_completion_tokens=4096)
    assert answer.usage.completion_tokens > plain.usage.completion_tokens, answer.usage
    if not CLAUDE:
        # Anthropic's usage does not tell reasoning apart.
        assert answer.usage.completion_tokens_details.reasoning_tokens > 0, answer.usage


def check_cached_tokens_are_counted_once():
    answer = ask("hello hello hello hello [[sim cached=3]]")
    plain = ask("hello hello hello hello [[sim cached=0]]")
    assert answer.usage.prompt_tokens_details.cached_tokens == 3, answer.usage
    assert answer.usage.prompt_tokens == plain.usage.prompt_tokens, (answer.usage, plain.usage)
    check_usage(answer.usage)


def check_models():
    assert MODEL in [model.id for model in client.models.list()]


def check_unknown_key():
    stranger = openai.OpenAI(base_url=BASE_URL, api_key="sk-unknown", max_retries=0)
    try:
        stranger.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hi"}]
        )
    except openai.AuthenticationError as error:
        assert error.status_code == 401 and error.code == "invalid_api_key", error.body
        return
    raise AssertionError("an unknown key was served")


def check_unknown_model():
    try:
        client.chat.completions.create(
            model="no-such-model", messages=[{"role": "user", "content": "hi"}]
        )
    except openai.NotFoundError as error:
        assert error.code == "model_not_found" and error.param == "model", error.body
        assert "no-such-model" in error.message, error.message
        return
    raise AssertionError("an unknown model was served")


def check_invalid_request():
    try:
        client.chat.completions.create(model=MODEL, messages=[])
    except openai.BadRequestError as error:
        assert error.param and error.param.startswith("messages"), error.body
        return
    raise AssertionError("an empty conversation was served")


def check_spent_budget():
    try:
        client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "hi"}]
        )
    except openai.RateLimitError as error:
        assert error.code == "rate_limit_exceeded" and error.type == "tokens", error.body
        assert 1 <= int(error.response.headers["retry-after"]) <= 60, error.response.headers
        assert "tiny" in error.message, error.message
        return
    raise AssertionError("a call beyond its budget was served")


def check_throttling_provider():
    try:
        client.chat.completions.create(
            model="throttled", messages=[{"role": "user", "content": "hi"}]
        )
    except openai.RateLimitError as error:
        assert error.response.headers["retry-after"] == "7", error.response.headers
        assert error.message, error.body
        return
    raise AssertionError("the provider's 429 did not arrive")


def main():
    checks = [value for name, value in globals().items() if name.startswith("check_")]
    checks.remove(check_usage)
    for check in checks:
        check()
        print("ok", check.__name__)
    print(f"passed {len(checks)} checks")


main()
