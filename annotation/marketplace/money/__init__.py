"""Balances, holds, payments, payroll."""
