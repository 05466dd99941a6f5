"""Objects as a CloudStack 4.22.0.0 returns them (cloudstack-shapes.json), ids and addresses made up."""

from typing import Any

Shape = dict[str, Any]

ZONE_ID = "3c43b32b-fadf-4629-b8e9-61fb7a5b9bb8"
NETWORK_ID = "0e4ab1ac-2a3e-41fb-9f1a-2d4bf3f2e7b5"
VM_ID = "5bd03bc8-3a5c-4d54-9d0f-0c2f4f0b7a11"
JOB_ID = "b0107eb5-0c60-4b5b-b1c9-1f0b6a1cf3d2"
TEMPLATE_ID = "44c0f1d2-94ab-11f0-8f0d-0242ac110002"
OFFERING_ID = "9d1f1b1e-8c68-4f43-9f0a-3a0a5c9e2b77"
DOMAIN_ID = "2fa3f0c8-94ab-11f0-8f0d-0242ac110002"


def nic(deviceid: str, networkid: str = NETWORK_ID, **change: object) -> Shape:
    return {
        "id": f"nic-{deviceid}",
        "networkid": networkid,
        "networkname": "shape-l2",
        "isolationuri": "vlan://179",
        "broadcasturi": "vlan://179",
        "traffictype": "Guest",
        "type": "L2",
        "isdefault": deviceid == "0",
        "macaddress": f"02:00:00:00:00:0{deviceid}",
        "secondaryip": [],
        "extradhcpoption": [],
        "deviceid": deviceid,
        **change,
    }


def vm(**change: object) -> Shape:
    return {
        "id": VM_ID,
        "name": "shape-vm",
        "displayname": "shape-vm",
        "account": "admin",
        "domainid": DOMAIN_ID,
        "domain": "ROOT",
        "domainpath": "ROOT",
        "created": "2026-11-23T10:00:00+0000",
        "state": "Running",
        "haenable": False,
        "zoneid": ZONE_ID,
        "templateid": TEMPLATE_ID,
        "passwordenabled": False,
        "serviceofferingid": OFFERING_ID,
        "cpunumber": 1,
        "cpuspeed": 500,
        "memory": 512,
        "securitygroup": [],
        "nic": [nic("0")],
        "hypervisor": "Simulator",
        "details": {},
        "affinitygroup": [],
        "tags": [],
        **change,
    }


def network(**change: object) -> Shape:
    return {
        "id": NETWORK_ID,
        "name": "shape-l2",
        "broadcastdomaintype": "Vlan",
        "zoneid": ZONE_ID,
        "state": "Allocated",
        "type": "L2",
        "acltype": "Account",
        "account": "admin",
        "domainid": DOMAIN_ID,
        "service": [],
        "canusefordeploy": True,
        "details": {},
        "tags": [],
        **change,
    }


def zone(**change: object) -> Shape:
    return {
        "id": ZONE_ID,
        "name": "Sandbox-simulator",
        "networktype": "Advanced",
        "allocationstate": "Enabled",
        "tags": [],
        **change,
    }


def offering(**change: object) -> Shape:
    return {
        "id": OFFERING_ID,
        "name": "Small Instance",
        "state": "Active",
        "cpunumber": 1,
        "cpuspeed": 500,
        "memory": 512,
        "iscustomized": False,
        "rootdisksize": 0,
        **change,
    }


def template(**change: object) -> Shape:
    return {
        "id": TEMPLATE_ID,
        "name": "CentOS 5.6 (64-bit) no GUI (Simulator)",
        "isready": True,
        "passwordenabled": False,
        "zoneid": ZONE_ID,
        "size": 2147483648,
        "hypervisor": "Simulator",
        "details": {},
        "tags": [],
        **change,
    }


def job(jobstatus: int, **change: object) -> Shape:
    return {
        "accountid": "a-1",
        "account": "admin",
        "cmd": "org.apache.cloudstack.api.command.admin.vm.StartVMCmdByAdmin",
        "jobprocstatus": 0,
        "jobresultcode": 0,
        "jobinstancetype": "VirtualMachine",
        "jobinstanceid": VM_ID,
        "created": "2026-11-23T10:00:00+0000",
        "jobid": JOB_ID,
        "jobstatus": jobstatus,
        **change,
    }


def success(**change: object) -> Shape:
    result = {"virtualmachine": vm(jobid=JOB_ID, jobstatus=0, **change)}
    return job(1, jobresulttype="object", jobresult=result, completed="2026-11-23T10:00:02+0000")


def failure(code: int, text: str) -> Shape:
    result = {"errorcode": code, "errortext": text}
    return job(2, jobresulttype="object", jobresult=result, jobresultcode=code)
