"""Many materializations of one asset in Dagster's event log, in one write.

Dagster writes each event that an op logs in transactions of its own, ten milliseconds each; a first night records a
thousand healed days. Its storage takes a batch, for which its public interface has no words yet.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry

from huracan_assets.days import utc_now

BATCH = 500  # events a write


def log_materializations(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, events: Sequence[dg.AssetMaterialization]
) -> None:
    """Log events of one asset as this step's own, in order; each write is all or nothing."""
    step = context.get_step_execution_context()
    entries = []
    for event in events:
        logged = DagsterEvent(
            event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name=step.job_name,
            step_handle=step.step.handle,
            node_handle=step.step.node_handle,
            step_kind_value=step.step.kind.value,
            logging_tags=step.event_tags,
            event_specific_data=StepMaterializationData(event),
            message=f"Materialized {event.asset_key.to_user_string()} of {event.partition}.",
            pid=os.getpid(),
        )
        entries.append(
            EventLogEntry(  # type: ignore[no-untyped-call]
                user_message="",
                level=logging.DEBUG,
                job_name=step.job_name,
                run_id=step.run_id,
                error_info=None,
                timestamp=utc_now().timestamp(),
                step_key=step.step.key,
                dagster_event=logged,
            )
        )
    for begin in range(0, len(entries), BATCH):
        context.instance.event_log_storage.store_event_batch(entries[begin : begin + BATCH])
