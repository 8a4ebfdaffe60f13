"""What kind of task a request is, by a table of scores: each feature speaks for tasks, the highest sum wins."""

from collections.abc import Mapping

from gateway.classifiers.features import Features
from gateway.domain.classification import Task

TASK_SCORES: Mapping[str, tuple[tuple[Task, float], ...]] = {
    "greeting, thanks or yes": (("chat", 5.0),),
    "question": (("knowledge", 0.5),),
    "single short factual question": (("knowledge", 0.5),),
    "asks to extract": (("extraction", 3.0),),
    "asks to classify": (("classification", 3.0),),
    "asks to rewrite": (("rewriting", 3.0),),
    "asks to translate": (("translation", 3.1),),
    "asks to summarise": (("summarization", 3.0),),
    "asks about a given text": (("reading", 2.0),),
    "asks for creative writing": (("creative", 2.5),),
    "asks to write or fix code": (("code", 2.2),),
    "code present": (("code", 1.5),),
    "concurrency or systems fault": (("code", 3.0),),
    "word problem with numbers": (("math", 2.0),),
    "mathematical notation": (("math", 1.0),),
    "proof or derivation": (("math", 3.2),),
    "asks to reason or advise": (("reasoning", 1.2),),
    "several steps": (("reasoning", 1.5),),
    "comparison or trade-off": (("reasoning", 1.5),),
    "legal terms": (("legal", 2.7),),
    "medical terms": (("medical", 2.7),),
    "finance terms": (("finance", 2.6),),
    "tools offered": (("agent", 0.4),),
    "agent at work with tools": (("agent", 6.0),),
}
"""Feature → what it adds to each task's sum at value 1. A named operation (3) outranks the field it is applied to."""


def task_of(features: Features) -> Task:
    """The task with the highest sum; the one named first wins a tie; without any, `chat`."""
    sums: dict[Task, float] = {}
    for feature, value in features.items():
        for task, score in TASK_SCORES.get(feature, ()):
            sums[task] = sums.get(task, 0.0) + score * value
    return max(sums, key=sums.__getitem__) if sums else "chat"
