# SPDX-License-Identifier: Apache-2.0
"""Black box: what went over the buses, when and in which order, and the same run again.

format     the file: records with a check sum each
turns      who of the firmware's threads goes when; clock reads
tap        both around the real buses and clock of a run that is recorded
calls      records as calls of the buses: transfer, read, set, get, edges
tape       the buses on recorded answers
strict     the run again, thread by thread, every call compared
loose      a firmware that may have changed, on the answers of a recording; what cases are run with
paint      frames of a case without their megabytes; stored: its calls
listing    what is in a recording, for people
shrink     the shortest stretches that still fail
"""
