"""Homework for a class: a scenario and a worksheet for each student, and marks of what came back.

Reading order: `roster` (the list of students, their seeds), `sheets` (the numbers that a worksheet asks for),
`handout` (the folders of a class), `returned` (reading a student's folder), `training` (a student's scenario, within
limits), `marking` (all of it as a table).
"""
