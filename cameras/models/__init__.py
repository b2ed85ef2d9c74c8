"""Rows of places, cameras, rights, guests, messages, alerts and how people are told of them."""

from cameras.models.alert import Alert
from cameras.models.camera import Camera
from cameras.models.channel import Channel
from cameras.models.delivery import Delivery
from cameras.models.enrolment import DeviceToken, EnrolmentCode
from cameras.models.guest import Guest
from cameras.models.location import Location
from cameras.models.membership import Membership, Right
from cameras.models.message import Message
from cameras.models.picture import AlertPicture
from cameras.models.wish import NoticePlan, Wish

__all__ = [
    "Alert",
    "AlertPicture",
    "Camera",
    "Channel",
    "Delivery",
    "DeviceToken",
    "EnrolmentCode",
    "Guest",
    "Location",
    "Membership",
    "Message",
    "NoticePlan",
    "Right",
    "Wish",
]
