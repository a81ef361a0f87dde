"""The way to a model: through a proxy, with a certificate authority of one's own; every wait can be given up."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.roster import Roster
from core.settings import change_settings
from memgpt import events as e
from memgpt.config import AgentConfig
from tests.models.conftest import Made, error
from tests.support import model_server as scripted
from tests.support.agents import ended, of, said
from tests.support.dialects import Anthropic, Ollama
from tests.support.model_server import ModelServer
from tests.support.patience import SOON_S

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Proxy:
    """Takes requests for anybody by their whole address, and passes them on to one server."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.asked: list[str] = []

    async def __aenter__(self) -> Proxy:
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        method, address, version = line.split()
        self.asked.append(address)
        path = address.partition("//")[2].partition("/")[2]
        host, _, port = self.server.base.partition("//")[2].partition(":")
        there, onward = await asyncio.open_connection(host, int(port))
        onward.write(f"{method} /{path} {version}\r\n".encode())
        await asyncio.gather(self._pass(reader, onward), self._pass(there, writer), return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.mark.parametrize("kind", [ModelServer, Anthropic])
async def test_through_a_proxy(home_of_models: Roster, agent_name: str, kind: type[ModelServer]) -> None:
    with kind() as server:
        async with Proxy(server) as proxy:
            endpoint = f"http://model.test{server.path}"
            config = AgentConfig(name=agent_name, model=server.model, model_endpoint=endpoint, context_window=16384)
            session = await home_of_models.session(await home_of_models.create(config))
            keys = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url}
            events = [event async for event in session.submit("Hi", keys)]
            assert said(events) == "You said: Hi", error(events)
            assert [address.startswith("http://model.test/") for address in proxy.asked] == [True]


async def test_no_proxy_for_servers_of_this_machine(made: Made, model: ModelServer) -> None:
    session = await made(model, retries=0)
    events = [event async for event in session.submit("Hi", {"HTTP_PROXY": "http://127.0.0.1:9"})]
    assert said(events) == "You said: Hi"


async def test_none_where_a_variable_says_that_it_is_of_this_machine(
    made: Made, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await made(model, retries=0)
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    with Ollama() as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.base.removeprefix("http://"))
        for name, keys in (
            ("ollama_chat/scripted", proxy),
            ("openai/gpt-4o", {**proxy, "OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "sk-test"}),
        ):
            await change_settings(session, {"model": name, "model_endpoint": ""})
            assert said([event async for event in session.submit("Hi", keys)]) == "You said: Hi"


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority's file, and what a server of this machine needs that it vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, secret = folder / "ca.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return certificate, context


@pytest.mark.parametrize("kind", [ModelServer, Anthropic])
async def test_a_certificate_authority_of_ones_own(
    home_of_models: Roster, agent_name: str, tmp_path: Path, kind: type[ModelServer]
) -> None:
    certificate, context = authority(tmp_path)
    server = kind()
    server.tls = context
    with server:
        config = AgentConfig(name=agent_name, model=server.model, model_endpoint=server.url, context_window=16384)
        session = await home_of_models.session(await home_of_models.create(config))
        events = [event async for event in session.submit("Hi", {})]
        assert "certificate" in error(events) and "SSL_CERT_FILE" in error(events)
        (empty := tmp_path / "empty.pem").write_text("no certificate")
        events = [event async for event in session.submit("Hi", {"SSL_CERT_FILE": str(empty)})]
        assert error(events).startswith("The file that SSL_CERT_FILE names holds no certificate.")
        assert not of(events, e.Retry)
        events = [event async for event in session.submit("Hi", {"SSL_CERT_FILE": str(certificate)})]
        assert ended(events) == "done", events
        assert said(events).startswith("You said: ")


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "30"}, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "40s"}]
)
async def test_a_wait_is_seen_and_can_be_given_up(made: Made, model: ModelServer, headers: dict[str, str]) -> None:
    session = await made(model)
    model.script(scripted.error(429, "slow down", headers=headers))
    events: list[e.Event] = []
    async for event in session.submit("Hi", {}):
        events.append(event)
        if isinstance(event, e.Retry):
            asked = time.monotonic()
            session.turns.cancel()
    assert time.monotonic() - asked < SOON_S and ended(events) == "cancelled"
    assert 20 < of(events, e.Retry)[0].wait_s <= 40
    assert json.dumps(model.requests[0]["messages"])
