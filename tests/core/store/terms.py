"""Made-up code systems and value sets for the tests of terminology."""

from __future__ import annotations

from typing import Any

from msgspec.json import encode as json_encode

from benhan.core.fhir import codec, r4

BASE = "https://thu.benhan.vn"


def concept(code: str, display: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A concept with its children; `also` is another name, `properties` become strings."""
    made: dict[str, Any] = {"code": code, "display": display}
    if also := more.get("also"):
        made["designation"] = [{"language": more.get("language", "vi"), "value": also}]
    if properties := more.get("properties"):
        made["property"] = [
            {"code": name, "valueBoolean" if isinstance(value, bool) else "valueString": value}
            for name, value in properties.items()
        ]
    return made | ({"concept": list(children)} if children else {})


def code_system(name: str, *concepts: dict[str, Any], **more: Any) -> r4.CodeSystem:
    """A CodeSystem under `BASE`."""
    body = {
        "resourceType": "CodeSystem", "id": name, "url": f"{BASE}/CodeSystem/{name}", "status": "active",
        "content": "complete", "concept": list(concepts), **more,
    }  # fmt: skip
    return codec.decode(json_encode({k: v for k, v in body.items() if v is not None and v != []}), r4.CodeSystem)


def value_set(name: str, *include: dict[str, Any], exclude: list[dict[str, Any]] | None = None) -> r4.ValueSet:
    """A ValueSet under `BASE`."""
    compose: dict[str, Any] = {"include": list(include)} | ({"exclude": exclude} if exclude else {})
    body = {
        "resourceType": "ValueSet", "id": name, "url": f"{BASE}/ValueSet/{name}", "status": "active",
        "compose": compose,
    }  # fmt: skip
    return codec.decode(json_encode(body), r4.ValueSet)


def diseases(name: str, **more: Any) -> r4.CodeSystem:
    """A small tree of diseases of the chest."""
    return code_system(
        name,
        concept(
            "J00-J99", "Bệnh hệ hô hấp",
            concept(
                "J18", "Viêm phổi, tác nhân không xác định",
                concept("J18.0", "Viêm phế quản phổi, không đặc hiệu"),
                concept("J18.9", "Viêm phổi, không đặc hiệu", also="sưng phổi", properties={"everyday": True}),
            ),
            concept("J02", "Viêm họng cấp", concept("J02.9", "Viêm họng cấp tính, không xác định", also="đau họng")),
            concept("J45", "Hen [suyễn]", properties={"inactive": True}),
            properties={"notSelectable": True},
        ),
        **more,
    )  # fmt: skip
